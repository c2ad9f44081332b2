"""
What the workflow of an outage knows of it, and how it keeps up with the database, which is the truth.

Every change on record has a version. The workflow shows the version it knows as a search attribute, in
plain text even where payloads are encrypted; the relay (worker/recovery/relay.py) compares, and signals
`catch_up` to a workflow that knows less.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any

from temporalio import activity, workflow
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)
from temporalio.exceptions import ApplicationError

from domain.settlement.payments import JudgeOutageResult, OutageState
from domain.sla.disputes import FileDisputeResult
from domain.sla.outages import Declaration, Outage, OutageStatus
from domain.sla.verdicts import Verdict

with workflow.unsafe.imports_passed_through():
    from workflows.attestations import AttestedWorkflowBase
    from workflows.runtime import (
        REFUSED_PAUSE_MAX,
        REFUSED_PAUSE_MIN,
        exponential_backoff,
        run_activity,
    )
    from workflows.webhooks import wait_for_first_attempts

STATUS = SearchAttributeKey.for_keyword("OutageStatus")
SEVERITY = SearchAttributeKey.for_keyword("Severity")
SITE = SearchAttributeKey.for_keyword("SiteId")
SLA_STATUS = SearchAttributeKey.for_keyword("SlaStatus")
# The version of the outage on record that its workflow knows.
ACKNOWLEDGED = SearchAttributeKey.for_int("AcknowledgedVersion")
SETTLEMENT = SearchAttributeKey.for_int("SettlementStroops")


def make_search_attributes(outage: Outage) -> TypedSearchAttributes:
    """Return the search attributes of a declared outage."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(STATUS, OutageStatus.DECLARED.value),
            SearchAttributePair(SEVERITY, outage.severity.value),
            SearchAttributePair(SITE, outage.site_id or outage.site_name),
            # A workflow that runs knows that it was declared, for it begins by recording that.
            SearchAttributePair(ACKNOWLEDGED, 1),
        ]
    )


def acknowledge(version: int) -> None:
    """Show which version of its outage the workflow that calls knows."""
    workflow.upsert_search_attributes([ACKNOWLEDGED.value_set(version)])


def show(status: OutageStatus, version: int, verdict: Verdict | None = None) -> None:
    """Change the search attributes of the workflow that calls."""
    changes: list[SearchAttributeUpdate[Any]] = [
        STATUS.value_set(status),
        ACKNOWLEDGED.value_set(version),
    ]
    if verdict is not None:
        changes.append(SLA_STATUS.value_set(verdict.status))
        changes.append(SETTLEMENT.value_set(verdict.amount_stroops))
    workflow.upsert_search_attributes(changes)


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
        self.declaration = declaration
        self.outage = declaration.outage
        self.status: OutageStatus | None = None
        self.version = 0
        self.refusal: ApplicationError | None = None
        self.judgement: JudgeOutageResult | None = None
        self.dispute: FileDisputeResult | None = None
        self.decided = False
        self.times_caught_up = 0

    @workflow.signal(description="Read the database again; sent by the relay")
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
        if state.version == self.version:
            return
        self.outage, self.version, self.judgement = state.outage, state.version, state.judgement
        self.dispute, self.decided = state.dispute, state.decided
        self.enter(state.status, state.version, f"goes on from the database: {state.status}")

    def enter(self, status: OutageStatus, version: int, what: str) -> None:
        """Enter a status, and show it in the Web UI: in the list and as a sentence."""
        self.status = status
        self.note(what)
        self.know(version)
        # The attributes of an outage that was just declared were set when its workflow was started.
        if self.version > 1 or not self.is_open():
            judged = self.judgement if status is OutageStatus.DISPUTABLE else None
            show(status, self.version, judged.verdict if judged else None)

    def acknowledge(self, version: int, what: str) -> None:
        """Note a change that leaves the status as it is."""
        self.note(what)
        self.know(version)
        acknowledge(self.version)

    def know(self, version: int) -> None:
        """Know a version, unless there is one before it that this workflow has not seen."""
        if version == self.version + 1:
            self.version = version

    async def await_deliveries(self) -> None:
        """Wait until every subscriber was tried once, and say what came of it: a dead one holds up nothing."""
        tried = await wait_for_first_attempts(self.outage.id)
        self.note(f"{self.status}; {tried.describe()}")
