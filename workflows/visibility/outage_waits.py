"""
What an outage waits for, as its workflow knows it: one word for the list, and a sentence for whoever opens it.

Both are computed anew whenever something is noted, so that a wait which is over is not shown any more.
"""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.money import format_amount
from domain.reasons import Wait, WaitsFor
from domain.settlement.payments import JudgeOutageResult
from domain.sla import outages
from domain.sla.disputes import FileDisputeResult
from domain.sla.outages import Declaration, OutageStatus, RecordOutageResult
from domain.sla.waits import StandingOutage, bound_wait, find_wait

with workflow.unsafe.imports_passed_through():
    from workflows.attestations import AttestedWorkflowBase
    from workflows.runtime import format_time
    from workflows.visibility import search_attributes


class ShownOutageWorkflowBase(AttestedWorkflowBase):
    """A workflow that shows how its outage stands."""

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration)
        self.outage = declaration.outage
        self.recorded: RecordOutageResult | None = None
        self.status: OutageStatus | None = None
        self.version = 0
        # The newest one of which it was told; it may not know one in between.
        self.newest_version = 0
        self.refusal: ApplicationError | None = None
        self.judgement: JudgeOutageResult | None = None
        self.dispute: FileDisputeResult | None = None
        self.decided = False
        # What the payment waits for, if it is stopped.
        self.stopped: Wait | None = None

    def is_open(self) -> bool:
        return self.status is OutageStatus.DECLARED

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
        recorded, deadline, window, decision = self.recorded, self.find_deadline(), None, None
        if self.refusal and not self.is_open():
            return Wait(WaitsFor.NOTHING)
        if deadline and recorded:
            window = bound_wait(WaitsFor.WINDOW, deadline, recorded.dispute_window_seconds)
            decision = bound_wait(WaitsFor.DECISION, deadline, recorded.decision_window_seconds)
        standing = StandingOutage(
            self.status,
            self.outage.detected_at,
            window,
            decision,
            self.stopped,
            is_halted=bool(self.attestation_problem),
        )
        return find_wait(standing, workflow.now())

    def find_deadline(self) -> datetime | None:
        """Return until when the verdict may be disputed, or its dispute decided; None once that is over."""
        judged, filed, deadline = self.judgement, self.dispute, None
        if judged and self.status is OutageStatus.DISPUTABLE:
            deadline = judged.dispute_deadline
        if filed and self.status is OutageStatus.DISPUTED and not self.decided:
            deadline = filed.decision_deadline
        return deadline if deadline and workflow.now() < deadline else None

    def describe(self) -> str:
        """Say in a sentence how the outage stands, and what it waits for."""
        judged, filed, stopped = self.judgement, self.dispute, self.stopped
        deadline = self.find_deadline()
        if self.is_open():
            return "declared; waiting for the repair"
        if judged is None or self.status in outages.FINAL:
            return f"{self.status}"
        debt = self.describe_debt()
        if deadline and self.status is OutageStatus.DISPUTABLE:
            return f"{judged.verdict}; open to disputes until {format_time(deadline)}"
        if deadline and filed:
            until = format_time(deadline)
            return f"{debt} waits for a decision of dispute {filed.dispute_id} until {until}"
        if stopped is None:
            return self.describe_halt() or f"paying {debt}"
        until = f" until {format_time(stopped.deadline)}" if stopped.deadline else ""
        since = format_time(stopped.since or workflow.now())
        return f"{debt} waits since {since}{until}: {stopped.sentence}"

    def describe_debt(self) -> str:
        assert self.judgement is not None
        payment = self.judgement.payment
        return f"a {payment.type} of {format_amount(payment.amount_stroops)} USDC"

    def note_stuck(self, why: str) -> None:
        """Show as well what is waited for by now: a time that was waited for may be over."""
        search_attributes.show(search_attributes.list_wait(self.find_wait()))
        super().note_stuck(why)
