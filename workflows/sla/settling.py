"""
How an outage has its payment made, as a part of its workflow: see ../outages.py.

A payment that need not wait is made by one activity. One that has to wait, or takes long, has a workflow of its
own, which outlives this one: ../payments.py. Both may drive it at once, since the database keeps how far it is.
"""

from abc import ABC, abstractmethod
from datetime import timedelta
from itertools import count

from temporalio import activity, workflow
from temporalio.common import Priority
from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError

from domain.settlement.payments import Payment, Receipt

with workflow.unsafe.imports_passed_through():
    from workflows.payments import PaymentActivities, PaymentWorkflow
    from workflows.runtime import RETRY_A_LITTLE, exponential_backoff
    from workflows.sla.reversals import ReversibleWorkflowBase
    from workflows.visibility.search_attributes import make_debt_attributes

# Longer, and the payment has a workflow of its own. The relay waits for that: adapters/postgres/recovery/unfinished.py.
DIRECT_WITHIN = timedelta(seconds=30)
# However many payments there are, what somebody waits for goes first: wallets, batches.
AFTER_OTHERS = Priority(priority_key=4)
# A signer that died is missed after this long.
HEARTBEAT_TIMEOUT = timedelta(seconds=10)
# The relay notifies this workflow when a payment is made that it did not start itself; these waits are
# for the case that nobody does.
PAYMENT_CHECK_MIN, PAYMENT_CHECK_MAX = timedelta(seconds=10), timedelta(minutes=10)


class SettlingActivities(ABC):
    """The activity by which an outage finds its payment made; implemented by activities/sla/outages.py."""

    @activity.defn
    @abstractmethod
    async def find_receipt(self, payment: Payment) -> Receipt | None:
        """Return the receipt of a payment that somebody else has seen through; None while it is open."""


class SettlingWorkflowBase(ReversibleWorkflowBase):
    """An outage that is paid, exactly once."""

    async def await_payment(self, payment: Payment) -> Receipt | None:
        """Wait until the payment is made; None once it is voided."""
        if self.is_taken_back():
            return None
        return await self.pay_directly(payment) or await self.await_payment_workflow(payment)

    async def pay_directly(self, payment: Payment) -> Receipt | None:
        """Have the payment made by one activity; None when it has to wait, or cannot be made for any reason."""
        paying = workflow.start_activity_method(
            PaymentActivities.settle_payment,
            payment,
            task_queue="settlement",
            schedule_to_close_timeout=DIRECT_WITHIN,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRY_A_LITTLE,
            priority=AFTER_OTHERS,
            summary=f"{payment.type} for outage {self.outage.id}"[:200],
        )
        try:
            return await paying if await self.await_end(paying) else None
        except ActivityError:  # which proves nothing: the payment's workflow finds out, and says so
            return None

    async def await_payment_workflow(self, payment: Payment) -> Receipt | None:
        """Wait until the payment is made by its own workflow, which outlives this one; None once it is voided."""
        for times in count():
            if self.is_taken_back():
                return None
            id_ = payment.workflow_id
            try:
                child = await workflow.start_child_workflow(
                    PaymentWorkflow.run,
                    payment,
                    id=id_,
                    task_queue="settlement",
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    static_summary=f"{self.describe_debt()} for outage {self.outage.id}",
                    search_attributes=make_debt_attributes(
                        payment.amount_stroops, self.declaration.agreement
                    ),
                )
                if await self.await_end(child) and (paid := await child) is not None:
                    return paid
            except WorkflowAlreadyStartedError:
                if self.stopped is None:
                    self.note_stuck(f"{id_} runs already; waiting for its receipt")
            except ChildWorkflowError:  # somebody ended it, which proves nothing
                self.note(f"{id_} ended without a receipt; it is started again")
            if self.is_taken_back():
                return None
            receipt = await self.run_until_accepted(SettlingActivities.find_receipt, payment)
            if receipt is not None:
                return receipt
            pause = exponential_backoff(PAYMENT_CHECK_MIN, times, PAYMENT_CHECK_MAX)
            await self.await_catch_up(workflow.now() + pause)
        raise AssertionError("the loop has no end")
