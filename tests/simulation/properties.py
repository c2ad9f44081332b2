"""The rules that a schedule is drawn from, and what must hold after each of them."""

from time import time_ns
from typing import ClassVar
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import precondition
from sqlalchemy import text

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.failpoints import POINTS
from domain.reasons import ReasonCode
from stellar_sandbox.faults.fault_plan import Fault
from tests.simulation.network_moves import NetworkMoves, NodeLies
from tests.simulation.recorded_schedules import initialize, rule
from tests.simulation.workflow_driver import PaymentRun, WorkflowRun
from tests.simulation.world import (
    CHANNEL_KEYS,
    CHANNELS,
    SimulatedWorld,
)

PAYMENTS_MAX = 3
ROUNDS_TO_REST = 40
_FATES = text(
    """
    SELECT p.id, p.status, p.reason_code, p.status_reason, p.transaction_hash,
           (SELECT json_agg(json_build_array(a.channel, a.sequence, a.status, a.reason) ORDER BY a.n)
            FROM attempts a WHERE a.payment_id = p.id) AS pairs,
           (SELECT coalesce(sum(g.amount_stroops), 0) FROM entries e
            JOIN postings g ON g.entry_id = e.id
            WHERE e.payment_id = p.id AND g.account LIKE 'treasury:%') AS out
    FROM payments p WHERE p.id = ANY(:ids)
    """
)
# How much of the results Temporal has recorded when the worker dies.
KEPT = st.sampled_from([0.0, 0.5, 0.8, 1.0])


class ExactlyOnce(NetworkMoves):
    """A signer, a network and some payments, and everything that can happen to them."""

    signer: ClassVar[type[PaymentActivitiesImpl]] = PaymentActivitiesImpl

    @initialize(payments=st.integers(1, PAYMENTS_MAX))
    def owe_payments(self, payments: int) -> None:
        self.world = SimulatedWorld(self.scratch.database, self.signer)
        run = f"{next(self.scratch.schedules)}-{uuid4().hex[:8]}"
        # Nothing an earlier schedule used, and room for many transactions.
        self.do(self.world.begin(time_ns() >> 8, run, payments))
        self.scratch.met["schedules"] += 1

    def get_run(self, which: int) -> WorkflowRun:
        return self.world.runs[which % len(self.world.runs)]

    @rule(which=st.integers(0, PAYMENTS_MAX - 1), steps=st.integers(1, 4))
    def advance(self, which: int, steps: int) -> None:
        for _ in range(steps):
            self.do(self.world.advance(self.get_run(which)))
            self.check_credits()

    @rule(which=st.integers(0, PAYMENTS_MAX - 1), ledgers=st.integers(1, 3))
    def advance_with_time(self, which: int, ledgers: int) -> None:
        self.do(self.world.advance(self.get_run(which)))
        self.world.close_ledgers(ledgers)
        self.check_credits()

    @rule(which=st.integers(0, PAYMENTS_MAX - 1))
    def run_activity_twice(self, which: int) -> None:
        self.scratch.met["overlap"] += 1
        self.do(self.world.advance(self.get_run(which), runs=2))
        self.check_credits()

    @rule(
        which=st.integers(0, PAYMENTS_MAX - 1),
        point=st.sampled_from(POINTS),
        tries=st.integers(3, 8),
        kept=KEPT,
        down=st.sampled_from([0, 1, 30]),
    )
    def crash_at_point(self, which: int, point: str, tries: int, kept: float, down: int) -> None:
        """Advance until the signer dies at the point, or so many times; it is away for a while."""
        for _ in range(tries):
            if not self.do(self.world.advance(self.get_run(which), crash_at=point)):
                self.scratch.met["crash"] += 1
                self.scratch.met[f"crash {point}"] += 1
                break
            self.world.close_ledgers(1)
        self.world.close_ledgers(down)
        self.do(self.world.restart(lambda recorded: round(recorded * kept)))
        self.check_credits()

    @rule(which=st.integers(0, PAYMENTS_MAX - 1))
    def let_envelope_expire(self, which: int) -> None:
        """Sign, and stay away until the envelope has expired and the payee cannot be paid any more."""
        self.crash_at_point(which, "after_store", 4, 1.0, 30)
        payee = self.get_run(which).payment.to_address
        self.inject_faults([Fault("removed_trustline", address=payee)], 0)

    @rule(which=st.integers(0, PAYMENTS_MAX - 1))
    def start_workflow_beside(self, which: int) -> None:
        """The server gives an activity up that goes on, and the payment has two that drive it."""
        run = self.get_run(which)
        if isinstance(run, PaymentRun) and not run.has_workflow and run.command is not None:
            self.world.strays.append(run.leave())
            self.scratch.met["two drivers"] += 1

    @precondition(lambda self: self.world.strays)
    @rule(which=st.integers(0, PAYMENTS_MAX - 1), point=st.sampled_from([None, *POINTS]))
    def advance_stray(self, which: int, point: str | None) -> None:
        if not self.do(self.world.advance_stray(which, crash_at=point)):
            self.scratch.met["crash"] += 1
            self.do(self.world.restart(lambda recorded: recorded))
        self.check_credits()

    @rule()
    def take_all_nodes_down(self) -> None:
        self.inject_faults([Fault("node_down")], 0)

    @rule(which=st.integers(0, PAYMENTS_MAX - 1))
    def retry(self, which: int) -> None:
        self.get_run(which).receive("retry")

    @precondition(lambda self: not self.world.foreign)
    @rule(which=st.integers(0, CHANNELS - 1), rare=st.integers(0, 1))
    def use_channel_elsewhere(self, which: int, rare: int) -> None:
        if rare == 0:
            self.scratch.met["foreign"] += 1
            self.do(self.world.use_channel(CHANNEL_KEYS[which]))
            self.check_credits()

    def check_credits(self) -> None:
        """Check that each payment was credited at most once, and never more or less than is owed."""
        credits = self.world.read_credits()
        for run in self.world.runs:
            seen = credits.get(run.payment.number, [])
            assert len(seen) <= 1, f"paid {len(seen)} times: {seen}"
            assert all(amount == run.payment.amount_stroops for _, amount in seen)
            assert not (seen and run.payment.id in self.world.voided), (
                f"paid after its void: {seen}"
            )

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.do(self.finish_all())

    async def finish_all(self) -> None:
        """End all faults and retry what is blocked, so that every workflow comes to its end."""
        world = self.world
        world.plan([], 0)
        for run in world.runs:
            run.well_since = len(run.recorded)
        for _ in range(ROUNDS_TO_REST):
            await world.close_circuit_breaker()
            while world.strays:
                await world.advance_stray(0)
            for run in world.runs:
                # Six activities take a payment from its beginning to its end.
                for _ in range(6):
                    if not _is_at_rest(run):
                        await world.advance(run)
                        world.close_ledgers(1)
            if all(map(_is_at_rest, world.runs)):
                break
            world.close_ledgers(3)
        self.check_credits()
        await self.check_voided()
        await self.check_settled()
        await world.rail.watch.close()

    async def check_settled(self) -> None:
        """Check that nothing is lost, and that journal and chain agree."""
        self.scratch.met["no-op"] += bool(self.world.noop_reason)
        credits = self.world.read_credits()
        async with self.world.database.autocommit() as connection:
            found = await connection.execute(
                _FATES, {"ids": [run.payment.id for run in self.world.runs]}
            )
            rows = {row.id: row for row in found}
        for run in self.world.runs:
            row, seen = rows[run.payment.id], credits.get(run.payment.number, [])
            self.scratch.met[row.status] += 1
            if run.payment.id in self.world.voided:
                continue
            taken = {(channel, sequence) for channel, sequence, *_ in row.pairs or []}
            if taken & self.world.foreign:
                assert row.status == "quarantined", f"went on after unknown bytes: {row}"
            if row.status == "confirmed":
                proof = [hash_ for hash_, _ in seen]
                assert proof == [row.transaction_hash], f"confirmed and not paid: {row}, {seen}"
                assert row.out == -run.payment.amount_stroops, "posted otherwise than paid"
                continue
            assert row.out == 0, "posted and not confirmed"
            if row.status == "quarantined":
                assert self.world.foreign or self.world.forgetful, "quarantined without cause"
                continue
            assert row.status == "blocked", f"lost: {row}, on the chain {seen}"
            assert row.status_reason, "blocked without a reason"
            assert seen == [], "blocked and paid"
            short = row.reason_code == ReasonCode.TREASURY_UNDERFUNDED
            assert short, f"blocked for ever: {row.status_reason}"


class LyingNodes(NodeLies, ExactlyOnce):
    """All that may happen to payments, and a node that lies."""


def _is_at_rest(run: WorkflowRun) -> bool:
    if run.command is None:
        return True
    if run.quarantined:
        return True
    if run.workflow.hold_reason:
        return False
    # Blocked again after a retry on a network without faults.
    since = [step for step, _ in run.recorded[run.well_since :]]
    return run.command.step == "wait" and since[-2:] == ["prepare_payment", "block_payment"]
