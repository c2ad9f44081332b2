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

from domain.reasons import Wait, WaitsFor
from domain.settlement.payments import JudgeOutageResult, OutageState
from domain.sla.outages import Declaration, OutageStatus

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import (
        REFUSED_PAUSE_MAX,
        REFUSED_PAUSE_MIN,
        exponential_backoff,
        run_activity,
    )
    from workflows.visibility import search_attributes
    from workflows.visibility.outage_waits import ShownOutageWorkflowBase
    from workflows.webhooks import wait_for_first_attempts


class OutageStateActivities(ABC):
    """The activity by which a workflow keeps up; implemented by activities/sla/outages.py."""

    @activity.defn
    @abstractmethod
    async def read_outage_state(self, outage_id: str) -> OutageState:
        """Read all that is on record of the outage."""


class OutageStateWorkflowBase(ShownOutageWorkflowBase):
    """A workflow that knows how its outage stands."""

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration)
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
            self.note_stuck(self.describe_halt() or f"cannot go on: {refusal.message}")
            pause = exponential_backoff(REFUSED_PAUSE_MIN, times, REFUSED_PAUSE_MAX)
            # The relay has it catch up once what was refused can be, whether or not its version has changed.
            before = self.times_caught_up
            await self.wait_until(
                workflow.now() + pause,
                lambda: self.version != known or self.times_caught_up > before,
                "refused",
            )

    async def read_state(self) -> None:
        """Take over what the database says, if it says more than this workflow knows."""
        async with self.lock:
            state = await run_activity(OutageStateActivities.read_outage_state, self.outage.id)
            self.take(state)
            self.times_caught_up += 1

    def take(self, state: OutageState) -> None:
        before = (self.stopped, self.attestation_problem)
        self.stopped, self.attestation_problem = state.stopped, state.halted
        if state.version == self.version:
            if before != (self.stopped, self.attestation_problem):
                self.note_state(self.describe())
            return
        self.outage, self.version, self.judgement = state.outage, state.version, state.judgement
        self.dispute, self.decided = state.dispute, state.decided
        self.status = state.status
        self.note_state(f"goes on from the database: {self.describe()}")

    def begin_judged(self, judged: JudgeOutageResult) -> None:
        """Begin where the verdict is that was recorded together with the outage."""
        self.judgement, self.version = judged, judged.version - 1
        self.enter(OutageStatus.DISPUTABLE, judged.version)

    def enter(self, status: OutageStatus, version: int, what: str = "") -> None:
        """Enter a status, and show it in the Web UI: in the list and as a sentence."""
        self.status = status
        self.know(version)
        self.note_state(what or self.describe())

    def refuse_declaration(self, error: ApplicationError) -> None:
        """Show of a declaration that is refused, of which nothing is on record, that it waits for nothing."""
        self.refusal = error
        self.note(f"refused: {error.message}")
        nothing = search_attributes.list_wait(Wait(WaitsFor.NOTHING))
        search_attributes.show(
            [(search_attributes.STATUS, None), (search_attributes.ACKNOWLEDGED, None), *nothing]
        )

    def acknowledge(self, version: int, what: str) -> None:
        """Note a change that leaves the status as it is."""
        self.know(version)
        self.note_state(f"{what}; {self.describe()}")

    def know(self, version: int) -> None:
        """Know a version, unless there is one before it that this workflow has not seen."""
        self.newest_version = max(self.newest_version, version)
        if version == self.version + 1:
            self.version = version

    async def await_deliveries(self) -> None:
        """Wait until every subscriber was tried once, and say what came of it: a dead one holds up nothing."""
        if self.version < self.newest_version:
            await self.read_state()  # no relay has an outage catch up that has ended
        tried = await wait_for_first_attempts(self.outage.id)
        self.note(f"{self.status}; {tried.describe()}")
