"""The rules that a schedule of batches is drawn from."""

from time import time_ns
from typing import ClassVar
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from activities.settlement.batches import BatchActivitiesImpl
from adapters.failpoints import POINTS
from domain.settlement.attempts import SettlementRail
from domain.settlement.batches import Plan
from stellar_sandbox.faults.fault_plan import Fault
from tests.simulation.batch_checks import BatchChecks
from tests.simulation.batch_world import (
    MEMBERS_MAX,
    BatchWorld,
)
from tests.simulation.network_moves import fields
from tests.simulation.properties import KEPT
from tests.simulation.recorded_schedules import initialize, rule
from tests.simulation.workflow_driver import WorkflowRun
from tests.simulation.world import (
    BENEFICIARY,
    CHANNEL_KEYS,
    CHANNELS,
    PROVIDER,
)

NETTED = Plan(SettlementRail.CLASSIC, 3600)
PLANS = st.sampled_from(
    [Plan(SettlementRail.CLASSIC, 0), NETTED, Plan(SettlementRail.SOROBAN, 3600)]
)
PAYEES = st.sampled_from([PROVIDER.public_key, BENEFICIARY.public_key])
# What happens to a payee between the signature and the ledger.
AT_FAULT = st.sampled_from(
    [
        Fault(kind, address=payee.public_key)
        for kind in ("removed_trustline", "frozen_trustline", "frozen_key")
        for payee in (PROVIDER, BENEFICIARY)
    ]
)


class BatchesExactlyOnce(BatchChecks):
    """A signer, a network, payments in batches, and everything that can happen to them."""

    signer: ClassVar[type[BatchActivitiesImpl]] = BatchActivitiesImpl

    @initialize(payments=st.integers(1, MEMBERS_MAX), plan=PLANS)
    def owe_payments(self, payments: int, plan: Plan) -> None:
        self.world = BatchWorld(self.scratch.database, self.signer, plan)
        run = f"{next(self.scratch.schedules)}-{uuid4().hex[:8]}"
        # Nothing an earlier schedule used, and room for many transactions.
        self.do(self.world.begin(time_ns() >> 8, run, payments))
        self.scratch.met["schedules"] += 1
        self.scratch.met[f"{plan.rail} {'netted' if plan.netting_window_seconds else 'gross'}"] += 1

    def get_run(self, which: int) -> WorkflowRun:
        return self.world.runs[which % len(self.world.runs)]

    def get_batch_run(self, which: int) -> WorkflowRun:
        batches = [*self.world.batches.values()]
        return batches[which % len(batches)] if batches else self.get_run(which)

    def get_signing_run(self, which: int) -> WorkflowRun:
        return self.get_batch_run(which)

    @rule(which=st.integers(0, MEMBERS_MAX - 1), ready=st.booleans())
    def make_ready_and_form_batches(self, which: int, ready: bool) -> None:
        for run in self.world.runs if ready else [self.get_run(which)]:
            self.do(self.world.advance(run))
        self.do(self.world.form_batches())
        self.check_credits()

    @rule(which=st.integers(0, 3), steps=st.integers(1, 4))
    def advance(self, which: int, steps: int) -> None:
        for _ in range(steps):
            self.do(self.world.advance(self.get_batch_run(which)))
            self.check_credits()

    @rule(which=st.integers(0, 3), ledgers=st.integers(1, 3))
    def advance_with_time(self, which: int, ledgers: int) -> None:
        self.do(self.world.advance(self.get_batch_run(which)))
        self.world.close_ledgers(ledgers)
        self.check_credits()

    @rule(which=st.integers(0, MEMBERS_MAX - 1))
    def advance_a_payment(self, which: int) -> None:
        self.do(self.world.advance(self.get_run(which)))
        self.check_credits()

    @rule(which=st.integers(0, 3))
    def run_activity_twice(self, which: int) -> None:
        self.scratch.met["overlap"] += 1
        self.do(self.world.advance(self.get_batch_run(which), runs=2))
        self.check_credits()

    @rule()
    def form_batches_again(self) -> None:
        """A batching workflow that starts anew starts a second workflow of batches that are under way."""
        self.scratch.met["duplicate batch workflow"] += 1
        self.do(self.world.form_batches(again=True))

    @rule(fault=AT_FAULT, which=st.integers(0, 3), mended=st.booleans())
    def fail_in_a_ledger(self, fault: Fault, which: int, mended: bool) -> None:
        """Sign, let a payee change, and send: operations fail, unless all is well in time."""
        run = self.get_batch_run(which)
        self.do(self.world.advance(run))
        self.world.plan([Fault(**fields(fault))], 0)
        self.do(self.world.advance(run))
        if mended:
            self.world.plan([], 0)
        self.world.close_ledgers(2)
        for _ in range(2):
            self.do(self.world.advance(run))
        self.scratch.met[f"fault {fault.kind}"] += 1
        self.check_credits()

    @rule(
        which=st.integers(0, 3),
        point=st.sampled_from(POINTS),
        tries=st.integers(3, 8),
        kept=KEPT,
        down=st.sampled_from([0, 1, 30]),
    )
    def crash_at_point(self, which: int, point: str, tries: int, kept: float, down: int) -> None:
        """Advance until the signer dies at the point, or so many times; it is away for a while."""
        died = not self.do(self.world.form_batches(crash_at=point))
        for _ in range(tries):
            if died:
                self.scratch.met["crash"] += 1
                self.scratch.met[f"crash {point}"] += 1
                break
            died = not self.do(self.world.advance(self.get_batch_run(which), crash_at=point))
            self.world.close_ledgers(1)
        self.world.close_ledgers(down)
        self.do(self.world.restart(lambda recorded: round(recorded * kept)))
        self.check_credits()

    @rule(address=PAYEES, found=st.booleans())
    def close_or_reopen_payee(self, address: str, found: bool) -> None:
        """Close the account of a payee, or open it again."""
        if found:
            self.world.reopen_payee(address)
        else:
            self.scratch.met["payee gone"] += 1
            self.world.close_payee(address)

    @rule(address=PAYEES, found=st.booleans())
    def remove_before_signing(self, address: str, found: bool) -> None:
        """Remove a payee before the signature; the account may be back at once."""
        for run in self.world.runs:
            self.do(self.world.advance(run))
        self.world.close_payee(address)
        self.do(self.world.form_batches())
        for _ in range(2):
            for batch in self.world.running():
                self.do(self.world.advance(batch))
        if found:
            self.world.reopen_payee(address)
        self.check_credits()

    @rule(opened=st.booleans())
    def switch_circuit_breaker(self, opened: bool) -> None:
        if opened:
            self.scratch.met["circuit breaker"] += 1
        self.do(self.world.open_circuit_breaker() if opened else self.world.close_circuit_breaker())

    @rule(which=st.integers(0, MEMBERS_MAX - 1))
    def retry(self, which: int) -> None:
        self.get_run(which).receive("retry")
        self.get_batch_run(which).receive("retry")

    @precondition(lambda self: not self.world.foreign)
    @rule(which=st.integers(0, CHANNELS - 1), rare=st.integers(0, 1))
    def use_channel_elsewhere(self, which: int, rare: int) -> None:
        if rare == 0:
            self.scratch.met["foreign"] += 1
            self.do(self.world.use_channel(CHANNEL_KEYS[which]))
            self.check_credits()
