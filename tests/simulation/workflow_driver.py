"""
The workflows of payments and batches outside Temporal: the workflows' own code, each activity yielded to
the driver, and the results and signals that Temporal would remember; and the activity that settles a payment
directly, of which Temporal remembers nothing before its end.
"""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from temporalio.common import TypedSearchAttributes

from activities.settlement import attempts as attempt_activities
from activities.settlement import circuit_breakers as circuit_breaker_activities
from activities.settlement.direct_settlement import make_payment_directly
from adapters.stellar import rail as rails
from adapters.stellar.finality import witnesses
from adapters.stellar.rpc import entry_reads, ledger_clock, nodes, transaction_watcher
from domain.settlement.payments import Payment
from stellar_sandbox.envelopes.transaction_frame import TransactionFrame
from stellar_sandbox.network.ledger_manager import Ledger
from tests.testkit.settlement.watcher_ticks import WatcherTicks
from workflows import attempts as attempt_workflows
from workflows import batches as batch_workflows
from workflows import payments as payment_workflows
from workflows import runtime as workflow_runtime
from workflows.batches import BatchWorkflow
from workflows.payments import PaymentWorkflow
from workflows.visibility import search_attributes


@dataclass(frozen=True)
class Command:
    """What a workflow asks of Temporal: an activity by name, or to wait."""

    step: str
    message: Any = None

    def __await__(self) -> Generator["Command", Any, Any]:
        return (yield self)


class YieldsActivities:
    """Yields each activity to the driver instead of running it."""

    async def run_until_accepted(self, method: Any, message: Any, limit: Any = None) -> Any:
        return await Command(method.__name__, message)

    async def outlast_cancellation(self, work: Any) -> Any:
        """Nobody cancels a workflow here."""
        return await work

    async def find_workflows(self, payment_ids: Sequence[str]) -> list[str]:
        """Workflows are known by their payments here."""
        return list(payment_ids)


class YieldedSteps:
    """Yields each step of an activity to the driver, for others to act in between."""

    def __getattr__(self, step: str) -> Any:
        return lambda message: Command(step, message)


class DrivenPaymentWorkflow(YieldsActivities, PaymentWorkflow):
    """The workflow of a payment."""


class DrivenBatchWorkflow(YieldsActivities, BatchWorkflow):
    """The workflow of a batch."""


@dataclass(frozen=True)
class Address:
    """Where signals to the workflow of a payment go; no outage has one here."""

    name: str

    async def signal(self, what: str, *words: Any) -> None:
        if not self.name.startswith("outage/"):
            await Command("signal", (self.name, what, *words))


def _all_handlers_finished() -> bool:
    """Return that no update is being handled: nobody sends one here."""
    return True


async def _waits(*given: Any, **_options: Any) -> None:
    if given != (_all_handlers_finished,):
        await Command("wait")


async def _in_turn(*works: Any) -> list[Any]:
    try:
        return [await work for work in works]
    finally:
        for work in works:
            work.close()  # of a workflow that was given up meanwhile


# What workflow code asks of Temporal besides its activities.
TEMPORAL = SimpleNamespace(
    now=lambda: datetime.now(UTC),
    sleep=_waits,
    wait_condition=_waits,
    info=lambda: SimpleNamespace(
        is_continue_as_new_suggested=lambda: False,
        typed_search_attributes=TypedSearchAttributes([]),
    ),
    upsert_search_attributes=lambda _changes: None,
    get_external_workflow_handle=Address,
    set_current_details=lambda _text: None,
    all_handlers_finished=_all_handlers_finished,
)


RECEIVED = "received"
# How often an activity is run before its payment has a workflow.
ATTEMPTS = 3
# Commands before which Temporal records everything: a timer, a signal to another workflow.
COMMANDS = {"wait", "signal"}
QUARANTINES = {"quarantine_payment", "quarantine_batch"}


@dataclass
class WorkflowRun:
    """The workflow of one payment: its next command, and what Temporal remembers."""

    subject: Any
    recorded: list[tuple[str, Any]] = field(default_factory=list)
    command: Command | None = None
    receipt: Any = None
    quarantined: bool = False
    # An activity that the server gave up may still drive it beside the workflow.
    is_shared: bool = False
    # How much was recorded when the network was well for good.
    well_since: int | None = None
    kind: ClassVar[Any] = DrivenPaymentWorkflow

    def __post_init__(self) -> None:
        self.begin()

    @property
    def payment(self) -> Payment:
        assert isinstance(self.subject, Payment)
        return self.subject

    def begin(self) -> None:
        """Replay: run from the start on what is remembered."""
        self.quarantined = False
        self.workflow = self.kind(self.subject)
        self.run = self.workflow.run(self.subject)
        self.command = self.run.send(None)
        for step, answer in list(self.recorded):
            if step == RECEIVED:
                self._deliver(*answer)
                continue
            assert self.command is not None
            assert self.command.step == step, "the workflow does not replay"
            self._send(answer)

    def answer(self, answer: Any) -> None:
        assert self.command is not None
        self.recorded.append((self.command.step, answer))
        self._send(answer)

    def fail(self) -> None:
        """Take the failure of a step: it is tried again."""

    def receive(self, signal: str, *words: Any) -> None:
        """Deliver a signal, which the server keeps whatever becomes of the worker."""
        if self.command is not None:
            self.recorded.append((RECEIVED, (signal, *words)))
            self._deliver(signal, *words)

    def forget(self, kept: int) -> None:
        """Lose the worker, and with it the results that were not recorded."""
        if self.command is not None:
            steps = [step for step, _ in self.recorded]
            known = [turn for turn, step in enumerate(steps, 1) if step in COMMANDS]
            rest = slice(max(kept, *known, 0), None)
            self.recorded[rest] = [each for each in self.recorded[rest] if each[0] == RECEIVED]
            self.run.close()
            self.begin()

    def _deliver(self, signal: str, *words: Any) -> None:
        getattr(self.workflow, signal)(*words)

    def _send(self, answer: Any) -> None:
        assert self.command is not None
        self.quarantined = self.command.step in QUARANTINES
        try:
            self.command = self.run.send(answer)
        except StopIteration as ended:
            self.command, self.receipt = None, ended.value


@dataclass
class PaymentRun(WorkflowRun):
    """A payment: first one activity settles it directly, and what that cannot do its workflow does."""

    has_workflow: bool = False
    failures: int = 0

    def begin(self) -> None:
        if self.has_workflow:
            return super().begin()
        self.quarantined = False
        self.workflow = self.kind(self.subject)
        self.run = make_payment_directly(cast(Any, YieldedSteps()), self.payment)
        self.command = self.run.send(None)

    def start_workflow(self) -> None:
        self.has_workflow = True
        self.begin()

    def leave(self) -> "PaymentRun":
        """Go on by a workflow, and return the activity, which goes on as well."""
        self.is_shared = True
        stray = PaymentRun(self.subject, is_shared=True)
        stray.run.close()
        stray.run, stray.command = self.run, self.command
        self.start_workflow()
        return stray

    def answer(self, answer: Any) -> None:
        if self.has_workflow:
            return super().answer(answer)
        self._send(answer)
        if self.command is None and self.receipt is None:
            self.start_workflow()

    def fail(self) -> None:
        if not self.has_workflow:
            self.failures += 1
            if self.failures < ATTEMPTS:
                self.begin()
            else:
                self.start_workflow()

    def receive(self, signal: str, *words: Any) -> None:
        if self.has_workflow:  # or nobody is there to take it
            super().receive(signal, *words)

    def forget(self, kept: int) -> None:
        if self.has_workflow:
            super().forget(kept)
        elif self.command is not None:
            self.run.close()
            self.fail()


class BatchWorkflowRun(WorkflowRun):
    """The workflow of one batch."""

    kind = DrivenBatchWorkflow


def _derive_apply_order(ledger: Ledger, envelope: TransactionFrame) -> bytes:
    """Return a random order that is the same when a schedule is played again, unlike its hashes."""
    return sha256(f"{ledger.last_closed.sequence} {envelope.source}".encode()).digest()


def play_temporal(patch: Any) -> None:
    """Patch workflow code to run outside Temporal, and clocks and hashes to decide nothing."""
    modules = (attempt_workflows, payment_workflows, batch_workflows, workflow_runtime)
    for module in (*modules, search_attributes):
        patch.setattr(module, "workflow", TEMPORAL)
    patch.setattr(batch_workflows, "asyncio", SimpleNamespace(gather=_in_turn))
    ticks = WatcherTicks()
    patch.setattr(rails, "asyncio", SimpleNamespace(wait_for=ticks.wait_for))
    patch.setattr(
        transaction_watcher, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": ticks.sleep})
    )
    patch.setattr(witnesses, "PATIENCE_SECONDS", 0.0)
    patch.setattr(entry_reads, "GATHER_SECONDS", 0.0)
    for module in (nodes, ledger_clock, attempt_activities, circuit_breaker_activities):
        patch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 0.0))
    patch.setattr(Ledger, "_derive_apply_order", _derive_apply_order)
