"""
`apexchainx payments reopen`: what counts as made and is on no chain is owed again and paid once; what is on the
chain, or may still come there, is not.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sqlalchemy import text
from temporalio.client import Client

from adapters.postgres import audit
from adapters.postgres.accounting import invariants
from adapters.postgres.settlement import channels
from cli import payments
from cli.accounting import reopenings
from cli.accounting.reopenings import ReopeningContext, reopen
from devstack.environment.stack import Stack
from domain.accounting.reconciliation import ReconciliationRun
from domain.errors import Conflict
from domain.settlement.attempts import Attempt, AttemptOutcome, ObservedAttempt
from services.accounting.reconciliation.compare_chain import CompareChain, compare_chain
from stellar_sandbox.faults.fault_plan import Fault
from tests.simulation.scratch_databases import ScratchDatabase, make_scratch_database
from tests.simulation.world import PASSPHRASE
from tests.testkit.settlement.channel_release_scenario import Scene, scene

SHOWS = ("sendTransaction", "getTransaction", "getTransactions", "getLedgerEntries")


class StartedWorkflows:
    """Stands in for Temporal: which workflows are started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def start_workflow(self, _workflow: Any, _payment: Any, **options: Any) -> None:
        self.started.append(options["id"])


@pytest.fixture(scope="module")
def scratch(stack: Stack) -> Iterator[ScratchDatabase]:
    with make_scratch_database(stack.environment["DATABASE_URL"]) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reopenings, "LOOK_EVERY_SECONDS", 0.0)


@pytest.fixture
def here(scratch: ScratchDatabase) -> Iterator[Scene]:
    with scene(scratch) as made:
        yield made


async def confirm(here: Scene, *, lies: bool) -> Attempt:
    """Confirm a payment: two of three nodes lie that it was applied, or it was."""
    attempt = await here.prepared()
    steps, box = here.world.steps, here.world.box
    if lies:
        lying = [
            Fault("lying_success", method=method, node=node) for method in SHOWS for node in (0, 1)
        ]
        box.set_faults(*lying, Fault("dropped_transaction", node=2))
        while not box.network.kept:
            await steps.submit_payment(attempt)
    else:
        await steps.submit_payment(attempt)
    box.close_ledger()
    seen = await steps.observe_payment(attempt)
    assert seen.outcome is AttemptOutcome.SUCCEEDED
    await steps.confirm_payment(ObservedAttempt(here.payment, attempt, seen, datetime.now(UTC)))
    box.set_faults()
    return attempt


async def compare(here: Scene) -> list[str]:
    """Read the chain and compare; return the kinds of new breaks."""
    await here.reconciled()
    run = ReconciliationRun(datetime.now(UTC))
    found = await compare_chain(here.scratch.database, CompareChain(run, True))
    return [each.kind for each in found.new if each.payment_id == here.payment.id]


async def ask(here: Scene, temporal: StartedWorkflows) -> None:
    context = ReopeningContext(
        here.scratch.database, here.world.rail.nodes, PASSPHRASE, cast(Client, temporal)
    )
    await reopen(context, here.payment.id, "Ada", "ticket 4712")


def test_what_was_never_applied_is_owed_again_and_paid_once(
    scratch: ScratchDatabase, here: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    temporal = StartedWorkflows()

    async def play() -> None:
        attempt = await confirm(here, lies=True)
        with pytest.raises(Conflict, match="does not miss transaction"):
            await ask(here, temporal)
        here.world.close_ledgers(1)
        assert await compare(here) == ["missing_on_chain"]
        await check_halted(here)
        with pytest.raises(Conflict, match="the money may still move until ledger"):
            await ask(here, temporal)
        assert temporal.started == []
        here.world.close_ledgers(30)
        await ask(here, temporal)
        assert temporal.started == [here.payment.workflow_id]
        assert await here.status() == "pending"
        await check_records(here, attempt)
        with pytest.raises(Conflict, match="is pending: only one that the engine confirmed"):
            await ask(here, temporal)
        await pay_again(here, attempt)

    scratch.loop.run(play())
    assert "its signed bytes expired and can never be applied" in capsys.readouterr().out


async def check_halted(here: Scene) -> None:
    async with here.scratch.database.autocommit() as connection:
        found = await connection.execute(text("SELECT is_open, reason FROM circuit_breakers"))
        circuit_breaker = found.one()
    assert circuit_breaker.is_open
    assert circuit_breaker.reason.startswith("missing_on_chain transfer, see break brk_")


async def pay_again(here: Scene, attempt: Attempt) -> None:
    """The channel that the book had ahead of the chain is set back, and the payment is made, once."""
    database = here.scratch.database
    ledger = here.world.box.network.ledger.last_closed.sequence
    async with database.transaction() as connection:
        reached = attempt.sequence - 1
        assert await channels.set_back(connection, attempt.channel, reached, ledger)
    await here.world.close_circuit_breaker()
    await confirm(here, lies=False)
    here.world.close_ledgers(1)
    assert await compare(here) == []
    credits = here.world.read_credits()[here.payment.number]
    assert [stroops for _, stroops in credits] == [here.payment.amount_stroops]
    async with database.transaction() as connection:
        violations = await invariants.check(connection)
    assert [each for each in violations if not each.overdue] == []


async def check_records(here: Scene, attempt: Attempt) -> None:
    async with here.scratch.database.autocommit() as connection:
        trail = await audit.read_trail(connection, f"outage/{here.payment.outage_id}")
        row = (
            await connection.execute(
                text("SELECT status, sequence_unused FROM attempts WHERE payment_id = :id"),
                {"id": here.payment.id},
            )
        ).one()
        actions = await connection.scalars(
            text("SELECT type FROM events WHERE outage_id = :id"), {"id": here.payment.outage_id}
        )
        open_breaks = await connection.scalar(
            text("SELECT count(*) FROM breaks WHERE payment_id = :id AND status = 'open'"),
            {"id": here.payment.id},
        )
        assert "payment.reopened" in list(actions)
    last = trail[-1]
    assert (last["action"], last["actor"]) == ("payment.reopened", "Ada")
    assert last["evidence"]["note"] == "ticket 4712"
    assert last["evidence"]["transaction_hash"] == attempt.newest_hash
    assert (row.status, row.sequence_unused, open_breaks) == ("failed", True, 0)


def test_what_is_on_the_chain_is_never_owed_again(scratch: ScratchDatabase, here: Scene) -> None:
    temporal = StartedWorkflows()

    async def play() -> None:
        attempt = await confirm(here, lies=False)
        here.world.close_ledgers(40)
        # Reconciliation has not read the transfer, and somebody believes that it is missing.
        async with scratch.database.transaction() as connection:
            await connection.execute(
                text(
                    "INSERT INTO breaks (id, kind, subject, detail, payment_id, number, transaction_hash,"
                    " journal_stroops, chain_stroops, found_at, last_seen_at)"
                    " VALUES (:id, 'missing_on_chain', :id, 'x', :id, 1, :hash, 1, 0, now(), now())"
                ),
                {"id": here.payment.id, "hash": attempt.newest_hash},
            )
        with pytest.raises(Conflict, match="the money moved, in transaction"):
            await ask(here, temporal)
        # Nor when a node that the others contradict says that it failed.
        here.world.box.set_faults(Fault("lying_failed", node=0), Fault("node_down", node=2))
        for _ in range(3):
            with pytest.raises(Conflict, match=r"the money moved|the nodes disagree"):
                await ask(here, temporal)
        here.world.box.set_faults()
        assert (temporal.started, await here.status()) == ([], "confirmed")
        await here.reconciled()
        with pytest.raises(Conflict, match="reconciliation has read a transfer of payment"):
            await ask(here, temporal)

    scratch.loop.run(play())


def test_who_reopens_and_why_must_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="give --by and --note"):
        payments.command(payments.PaymentAction.REOPEN, "pay_1", by="Ada", note=" ")
