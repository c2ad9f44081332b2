"""
What the workflow of an outage knows of it, and how it keeps up with the database, which is the truth.

Every change on record has a version. The workflow shows the version it knows as a search attribute, in
plain text even where payloads are encrypted; the relay (worker/recovery/relay.py) compares, and signals
`catch_up` to a workflow that knows less. So does the workflow of a payment that has to wait, or goes on: what
the payment waits for is read from the database, and shown of the outage as well.
"""

from abc import ABC, abstractmethod
from datetime import datetime

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from domain.money import format_amount
from domain.reasons import Wait, WaitsFor
from domain.settlement.payments import JudgeOutageResult, OutageState
from domain.sla import outages
from domain.sla.disputes import FileDisputeResult
from domain.sla.outages import Declaration, OutageStatus, RecordOutageResult
from domain.sla.waits import StandingOutage, bound_wait, find_wait

with workflow.unsafe.imports_passed_through():
    from workflows.attestations import AttestedWorkflowBase
    from workflows.runtime import (
        REFUSED_PAUSE_MAX,
        REFUSED_PAUSE_MIN,
        exponential_backoff,
        format_time,
        run_activity,
    )
    from workflows.visibility import search_attributes
    from workflows.webhooks import wait_for_first_attempts


class OutageStateActivities(ABC):
    """The activity by which a workflow keeps up; implemented by activities/sla/outages.py."""

    @activity.defn
    @abstractmethod
    async def read_outage_state(self, outage_id: str) -> OutageState:
        """Read all that is on record of the outage."""


class OutageStateWorkflowBase(AttestedWorkflowBase):
    """A workflow that knows how its outage stands."""

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration)
        self.outage = declaration.outage
        self.recorded: RecordOutageResult | None = None
        self.status: OutageStatus | None = None
        self.version = 0
        self.refusal: ApplicationError | None = None
        self.judgement: JudgeOutageResult | None = None
        self.dispute: FileDisputeResult | None = None
        self.decided = False
        # What the payment waits for, if it is stopped.
        self.stopped: Wait | None = None
        self.times_caught_up = 0

    @workflow.signal(description="Read the database again; sent by the relay, and by the payment")
    async def catch_up(self) -> None:
        await self.await_status()
        if self.refusal is None:
            await self.read_state()

    async def await_status(self) -> None:
        """Wait until this workflow knows how its outage stands, or that it is not its outage."""
        await workflow.wait_condition(lambda: bool(self.status or self.refusal))

    async def await_catch_up(self, deadline: datetime) -> None:
        """Wait until somebody has this workflow catch up, at most until the deadline."""
        before = self.times_caught_up
        await self.wait_until(deadline, lambda: self.times_caught_up > before, "payment")

    async def await_acceptance(self, refusal: ApplicationError, times: int) -> None:
        """Wait for what stops the payment to change: something this workflow does not know, or a person."""
        known = self.version
        await self.read_state()
        if self.version == known:
            self.note_stuck(f"cannot go on: {refusal.message}")
            pause = exponential_backoff(REFUSED_PAUSE_MIN, times, REFUSED_PAUSE_MAX)
            await self.wait_until(workflow.now() + pause, lambda: self.version != known, "refused")

    async def read_state(self) -> None:
        """Take over what the database says, if it says more than this workflow knows."""
        async with self.lock:
            state = await run_activity(OutageStateActivities.read_outage_state, self.outage.id)
            self.take(state)
            self.times_caught_up += 1

    def is_open(self) -> bool:
        return self.status is OutageStatus.DECLARED

    def take(self, state: OutageState) -> None:
        stopped, self.stopped = self.stopped, state.stopped
        if state.version == self.version:
            if stopped != self.stopped:
                self.note_state(self.describe())
            return
        self.outage, self.version, self.judgement = state.outage, state.version, state.judgement
        self.dispute, self.decided = state.dispute, state.decided
        self.status = state.status
        self.note_state(f"goes on from the database: {self.describe()}")

    def enter(self, status: OutageStatus, version: int, what: str = "") -> None:
        """Enter a status, and show it in the Web UI: in the list and as a sentence."""
        self.status = status
        self.know(version)
        self.note_state(what or self.describe())

    def acknowledge(self, version: int, what: str) -> None:
        """Note a change that leaves the status as it is."""
        self.know(version)
        self.note_state(f"{what}; {self.describe()}")

    def note_state(self, what: str) -> None:
        """Note how the outage stands, and show it in the list, in one write."""
        self.note(what)
        judged, taken_back = self.judgement, self.is_taken_back()
        owed = None if judged is None or taken_back else judged.payment.amount_stroops
        search_attributes.show(
            [
                *search_attributes.list_outage(self.outage, self.status, self.version),
                (search_attributes.SLA_STATUS, judged.verdict.status.value if judged else None),
                *search_attributes.list_debt(owed, self.declaration.agreement),
                *search_attributes.list_wait(self.find_wait()),
            ]
        )

    def find_wait(self) -> Wait:
        """Return what the outage waits for; since when, where that is on record."""
        judged, filed, recorded = self.judgement, self.dispute, self.recorded
        window = decision = None
        if judged and recorded:
            seconds = recorded.dispute_window_seconds
            window = bound_wait(WaitsFor.WINDOW, judged.dispute_deadline, seconds)
        if filed and recorded and not self.decided:
            seconds = recorded.decision_window_seconds
            decision = bound_wait(WaitsFor.DECISION, filed.decision_deadline, seconds)
        detected_at = self.outage.detected_at
        return find_wait(StandingOutage(self.status, detected_at, window, decision, self.stopped))

    def describe(self) -> str:
        """Say in a sentence how the outage stands, and what it waits for."""
        judged, filed, stopped = self.judgement, self.dispute, self.stopped
        if self.is_open():
            return "declared; waiting for the repair"
        if judged is None or self.status in outages.FINAL:
            return f"{self.status}"
        debt = self.describe_debt()
        if self.status is OutageStatus.DISPUTABLE:
            until = format_time(judged.dispute_deadline)
            return f"{judged.verdict}; open to disputes until {until}"
        if self.status is OutageStatus.DISPUTED and filed and not self.decided:
            until = format_time(filed.decision_deadline)
            return f"{debt} waits for a decision of dispute {filed.dispute_id} until {until}"
        if stopped is None:
            return f"paying {debt}"
        until = f" until {format_time(stopped.deadline)}" if stopped.deadline else ""
        since = format_time(stopped.since or workflow.now())
        return f"{debt} waits since {since}{until}: {stopped.sentence}"

    def describe_debt(self) -> str:
        assert self.judgement is not None
        payment = self.judgement.payment
        return f"a {payment.type} of {format_amount(payment.amount_stroops)} USDC"

    def know(self, version: int) -> None:
        """Know a version, unless there is one before it that this workflow has not seen."""
        if version == self.version + 1:
            self.version = version

    async def await_deliveries(self) -> None:
        """Wait until every subscriber was tried once, and say what came of it: a dead one holds up nothing."""
        tried = await wait_for_first_attempts(self.outage.id)
        self.note(f"{self.status}; {tried.describe()}")
