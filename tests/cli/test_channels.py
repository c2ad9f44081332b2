"""`apexchainx channels` against the whole product: listing, creating, releasing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest
from sqlalchemy import func, select, update
from stellar_sdk import Keypair
from temporalio.client import Client

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments as records
from adapters.postgres.tables import audit_entries, breaks, channels
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.settlement.allocations import make_single_transfer
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    ObservedAttempt,
    OnHold,
    SettlementRail,
)
from domain.settlement.payments import Payment, PaymentStatus
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import wait_until
from tests.testkit.processes.commands import run_command
from tests.testkit.settlement import payment_factory
from tests.testkit.settlement.expired_envelopes import close_ledgers, keep_ledgers_open
from tests.testkit.settlement.preparations import get_attempt
from tests.worker.test_settlement import environment as surroundings

LATER = 4  # channels more than the box begins with


async def run(stack: Stack, *arguments: str, **changes: str | None) -> tuple[int, str]:
    """Run the command as an operator does; what it printed may hold no seed."""
    environment = surroundings(stack, **changes)
    command = partial(run_command, environment=environment, merged=True)
    ended = await asyncio.to_thread(command, "cli.main", "channels", *arguments)
    seeds = [
        seed
        for name, value in environment.items()
        if name.endswith(("_SEED", "_SEEDS"))
        for seed in value.split(",")
    ]
    assert not any(seed in ended.stdout for seed in seeds)
    return ended.returncode, ended.stdout


async def test_missing_channels_are_created_and_listed(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    begun = int(stack.environment["STELLAR_CHANNELS"])
    wanted = str(begun + LATER)
    code, said = await run(stack, "create", "--count", wanted)
    assert code == 0, said
    assert said.count("created G") == LATER
    code, said = await run(stack, "create", "--count", wanted)
    assert (code, said.count("created G")) == (0, 0), said
    code, said = await run(stack, "list", "--count", wanted)
    assert code == 0
    assert said.count("not known to the journal yet") == LATER
    assert said.count("yes") == LATER
    code, said = await run(stack, "list", "--count", str(begun + LATER + 1))
    assert said.count("missing: apexchainx channels create") == 1
    replaced = Keypair.random().secret
    code, said = await run(stack, "list", "--count", "1", STELLAR_CHANNELS_SEED=replaced)
    assert code == 0, said
    assert said.count("key not held") == begun


async def test_listing_channels_needs_no_treasury_seed(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    """The addresses of the channels follow from their own seed."""
    seeds = {f"STELLAR_{name}_SEED": None for name in ("BOND", "POOL", "FEES", "OPERATOR")}
    code, said = await run(stack, "list", **seeds)
    assert code == 0, said
    channel = said.split()[said.split().index("state") + 1]
    code, said = await run(stack, "release", channel, "--by", "Ada", "--note", "4711", **seeds)
    assert "is not in quarantine" in said
    code, said = await run(stack, "create", **seeds)
    assert "STELLAR_BOND_SEED: field required" in said
    code, said = await run(stack, "list", STELLAR_CHANNELS_SEED="SBAD")
    assert (code, "STELLAR_CHANNELS_SEED is not a Stellar seed" in said) == (1, True), said


@pytest.mark.parametrize(
    "arguments",
    [("destroy",), ("release",), ("release", "G" * 56, "--by", "Ada"), ("create", "--count", "0")],
)
async def test_what_makes_no_sense_is_refused(
    api: httpx.AsyncClient, stack: Stack, arguments: tuple[str, ...]
) -> None:
    code, said = await run(stack, *arguments)
    assert code != 0
    assert "Traceback" not in said


async def quarantined(
    database: Database, steps: PaymentActivitiesImpl, payment: Payment, *, sent: bool
) -> Attempt:
    """A payment whose channel somebody believes to be used by unknown bytes."""
    attempt = get_attempt(await steps.prepare_payment(payment))
    async with database.autocommit() as connection:
        await records.move(connection, payment.id, PaymentStatus.SUBMITTED)
    if sent:
        await steps.submit_payment(attempt)
        assert (await steps.observe_payment(attempt)).outcome is AttemptOutcome.SUCCEEDED
    foreign = Observation(AttemptOutcome.FOREIGN, reason="consumed by bytes we do not know")
    await steps.quarantine_payment(ObservedAttempt(payment, attempt, foreign, datetime.now(UTC)))
    return attempt


@pytest.fixture(autouse=True)
async def _circuit_breaker(api: httpx.AsyncClient) -> AsyncIterator[None]:
    """A quarantine stops all new payments until somebody has looked; the next test is another day."""
    yield
    await close_circuit_breaker(api)


async def close_circuit_breaker(api: httpx.AsyncClient) -> None:
    await api.post("/payments/circuit-breaker", json={"action": "close", "reason": "seen to"})


async def state(database: Database, payment: Payment) -> str:
    async with database.autocommit() as connection:
        return str((await records.get(connection, payment.id, EVERYTHING)).status)


async def released(stack: Stack, attempt: Attempt) -> tuple[int, str]:
    return await run(stack, "release", attempt.channel, "--by", "Ada", "--note", "ticket 4711")


async def paid_once(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    payment: Payment,
    attempt: Attempt,
) -> Attempt:
    """A released payment begins anew, with other bytes, and moves once."""
    steps = PaymentActivitiesImpl(database, rail)
    assert await state(database, payment) == "pending"
    assert isinstance(await steps.prepare_payment(payment), OnHold)  # the circuit breaker holds it
    await close_circuit_breaker(api)
    steps = PaymentActivitiesImpl(database, rail)
    again = get_attempt(await steps.prepare_payment(payment))
    assert again.hash != attempt.hash
    await steps.submit_payment(again)
    seen = await steps.observe_payment(again)
    await steps.confirm_payment(ObservedAttempt(payment, again, seen, datetime.now(UTC)))
    assert await state(database, payment) == "confirmed"
    paid = await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    assert [each.number for each in paid].count(payment.number) == 1
    return again


async def test_nothing_is_released_while_the_money_may_move_and_then_it_is(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail, temporal: Client
) -> None:
    steps = PaymentActivitiesImpl(database, rail)
    payment = await payment_factory.owe_payment(database, "RELEASED")
    async with keep_ledgers_open(stack):
        attempt = await quarantined(database, steps, payment, sent=False)
        code, said = await released(stack, attempt)
    assert code != 0
    assert f"the money may still move until ledger {attempt.max_ledger}" in said
    assert await state(database, payment) == "quarantined"

    await close_ledgers(rail, attempt.max_ledger)
    code, said = await released(stack, attempt)
    assert code == 0, said
    assert "its signed bytes can never land" in said
    async with database.autocommit() as connection:
        row = (
            await connection.execute(select(channels).where(channels.c.address == attempt.channel))
        ).one()
        entry = await connection.scalar(
            select(audit_entries.c.content).where(
                audit_entries.c.subject == f"channel/{attempt.channel}"
            )
        )
    assert (row.quarantined, row.payment_id, row.sequence) == (False, None, attempt.sequence - 1)
    assert entry is not None
    assert b"ticket 4711" in entry
    assert b"Ada" in entry
    # The network still waits for that sequence: whoever is next on the channel has to use it.
    async with database.transaction() as connection:
        this = channels.c.address == attempt.channel
        await connection.execute(update(channels).where(~this).values(used_at=func.now()))
        await connection.execute(update(channels).where(this).values(used_at=None))
    again = await paid_once(api, stack, database, rail, payment, attempt)
    assert (again.channel, again.sequence) == (attempt.channel, attempt.sequence)


async def test_what_was_paid_after_all_is_not_released_to_be_paid_again(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    steps = PaymentActivitiesImpl(database, rail)
    payment = await payment_factory.owe_payment(database, "PAID-AFTER-ALL")
    attempt = await quarantined(database, steps, payment, sent=True)
    code, said = await released(stack, attempt)
    assert code != 0
    assert "the money moved, in transaction" in said
    assert await state(database, payment) == "quarantined"
    seen = await steps.observe_payment(attempt)
    await steps.confirm_payment(ObservedAttempt(payment, attempt, seen, datetime.now(UTC)))
    code, said = await released(stack, attempt)
    assert (code, "no attempt is open on it" in said) == (0, True), said
    code, said = await released(stack, attempt)
    assert code != 0
    assert "is not in quarantine" in said


async def test_a_foreign_sequence_is_released_once_nodes_agree(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """The channel's next sequence is used by a batch nobody stored: somebody has the seed."""
    steps = PaymentActivitiesImpl(database, rail)
    payment = await payment_factory.owe_payment(database, "STOLEN")
    attempt = await quarantined(database, steps, payment, sent=False)
    thief = payment_factory.open_rail(stack)
    other = await payment_factory.owe_payment(database, "THIEF")
    stolen = await thief.sign(
        [make_single_transfer(other)],
        SettlementRail.SOROBAN,
        attempt.channel,
        attempt.sequence,
        0,
    )
    await thief.send(stolen.xdr)
    await thief.close()

    async def consumed() -> bool:
        return ((await rail.read_channels()).sequences)[attempt.channel] >= attempt.sequence

    await wait_until(consumed, "the sequence is used")
    code, said = await released(stack, attempt)
    assert code == 0, said
    assert "consumed by bytes we do not know" in said
    assert f"its sequence is {attempt.sequence}" in said
    assert await state(database, payment) == "pending"

    async def missed() -> bool:
        async with database.autocommit() as connection:
            number = await connection.scalar(
                select(breaks.c.number).where(breaks.c.transaction_hash == stolen.hash)
            )
        return number == other.number

    # Money that nothing of ours explains: reconciliation opens the circuit breaker, too.
    await wait_until(missed, "the theft is found", 60)
