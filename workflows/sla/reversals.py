"""
How a verdict is taken back before it is paid, as a part of the outage's workflow: see ../outages.py.

An outage is reopened inside its dispute window, and judged again later; or what it owes is voided, and it ends.
"""

from abc import ABC, abstractmethod
from typing import Any

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from domain.requests import make_unverified_request
from domain.sla import outage_rules, outages
from domain.sla.outages import OutageStatus

with workflow.unsafe.imports_passed_through():
    from workflows.disputes import DisputableWorkflowBase
    from workflows.runtime import check, run_activity


class ReversalActivities(ABC):
    """The activities that take a verdict back; implemented by activities/sla/outages.py."""

    @activity.defn
    @abstractmethod
    async def reopen_outage(
        self, reopening: outages.ReopenOutageInput
    ) -> outages.CloseOutageResult:
        """Take the verdict back: the service was not back."""

    @activity.defn
    @abstractmethod
    async def void_debt(self, voiding: outages.VoidDebtInput) -> outages.CloseOutageResult:
        """Void what is owed, and end the outage; refuse while signed bytes may pay it."""


class ReversibleWorkflowBase(DisputableWorkflowBase):
    """An outage whose verdict somebody may take back, or that was none."""

    cancel: Any

    async def answer_cancellation(self) -> None:
        """Before the verdict the outage is called off; later it goes on."""
        request = make_unverified_request("operator", self.declaration.request.correlation_id)
        try:
            await self.cancel(outages.Cancellation(request, "its workflow was cancelled"))
        except ApplicationError as error:
            self.note_ignored(f"cancelling this workflow changes nothing: {error.message}")

    def is_taken_back(self) -> bool:
        """Tell whether the verdict that was to be paid no longer holds."""
        return self.status in outage_rules.TAKEN_BACK

    @workflow.update(description="The service was not back: take the verdict back")
    async def reopen(self, asked: outages.ReopenRequest) -> None:
        await self.await_status()
        async with self.lock:
            self.check_reopen(asked)
            key, now = self.make_key(), workflow.now()
            reopening = outages.ReopenOutageInput(self.outage.id, asked, key, now)
            reopened = await run_activity(ReversalActivities.reopen_outage, reopening)
            self.judgement = None
            what = f"reopened: {asked.reason}; waiting for the repair"
            self.enter(OutageStatus.DECLARED, reopened.version, what)

    @reopen.validator
    def check_reopen(self, asked: outages.ReopenRequest) -> None:
        check(lambda: outage_rules.check_cancellation(asked))
        deadline = self.judgement.dispute_deadline if self.judgement else None
        id_, now = self.outage.id, workflow.now()
        if self.status is not None:
            check(lambda: outage_rules.check_reopenable(id_, self.status, deadline, now))

    @workflow.update(description="The debt is wrong: void it before anything is signed")
    async def void(self, asked: outages.VoidRequest) -> None:
        await self.await_status()
        async with self.lock:
            self.check_void(asked)
            voiding = outages.VoidDebtInput(self.outage.id, asked, workflow.now())
            voided = await run_activity(ReversalActivities.void_debt, voiding)
            what = f"voided: {asked.reason}; nothing is paid"
            self.enter(OutageStatus.VOIDED, voided.version, what)

    @void.validator
    def check_void(self, asked: outages.VoidRequest) -> None:
        check(lambda: outage_rules.check_cancellation(asked))
        if self.status is not None:
            check(lambda: outage_rules.check_voidable(self.outage.id, self.status))
