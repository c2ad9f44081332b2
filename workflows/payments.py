"""
The workflow of a payment: the money moves exactly once, whatever dies.

    prepare -> submit -> observe -> confirmed
       ^         ^          |
       |         +-- open --+          nothing is proven: the same bytes are sent again
       +-- expired or failed ----------+  proven that nothing moved: it is safe to sign again

Most payments need no workflow: one activity, `settle_payment`, takes them along the upper line. What leaves that line
is left to this workflow, which goes on from what the database says. Only proof ends an attempt: workflows/attempts.py.
Where payments are settled together, it only waits for the batch that the payment is in: workflows/batches.py.
"""

from abc import abstractmethod
from contextlib import suppress
from datetime import datetime, timedelta
from typing import assert_never

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from domain.errors import Conflict
from domain.money import format_amount
from domain.reasons import Reason
from domain.settlement.attempts import (
    AlreadyPaid,
    Attempt,
    AttemptOutcome,
    AwaitingChannel,
    Blocked,
    InBatch,
    ObservedAttempt,
    OnHold,
    Prepared,
    PreparePaymentResult,
    Redirected,
    Voided,
)
from domain.settlement.manual_matches import (
    MatchTransferInput,
    MatchTransferRequest,
    check_match_request,
)
from domain.settlement.payments import (
    BlockPaymentInput,
    Payment,
    PaymentStatus,
    Receipt,
)

with workflow.unsafe.imports_passed_through():
    from workflows.attempts import AttemptActivities, AttemptWorkflowBase
    from workflows.runtime import (
        check,
        exponential_backoff,
        humanize,
        refuse,
        run_activity,
    )
    from workflows.visibility.search_attributes import show_end

BLOCKED_RETRY = timedelta(hours=1)
# When somebody else drives the payment, and has signed for it meanwhile; that one may be dead.
UNRECORDED_RETRY = timedelta(seconds=10)
# A batch signals its payments when it ends; this is for the case that a signal was lost.
BATCH_CHECK_INTERVAL = timedelta(minutes=10)
FAILURE_PAUSE_MIN, FAILURE_PAUSE_MAX = timedelta(seconds=1), timedelta(minutes=5)


class PaymentActivities(AttemptActivities):
    """The activities of a payment; implemented by activities/settlement/payments.py."""

    @activity.defn
    @abstractmethod
    async def settle_payment(self, payment: Payment) -> Receipt | None:
        """Make a payment that need not wait; None when it has to, and needs a workflow."""

    @activity.defn
    @abstractmethod
    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        """Reserve a (channel, sequence), sign, and store the bytes; or return why not."""

    @activity.defn
    @abstractmethod
    async def confirm_payment(self, observed: ObservedAttempt) -> Receipt:
        """Confirm the payment, whose money has moved, and post it to the journal."""

    @activity.defn
    @abstractmethod
    async def match_transfer(self, matching: MatchTransferInput) -> None:
        """Confirm the payment by a transfer that was made out of band, and post it."""

    @activity.defn
    @abstractmethod
    async def fail_attempt(self, observed: ObservedAttempt) -> None:
        """Close the attempt, whose sequence was consumed without effect, and free the channel."""

    @activity.defn
    @abstractmethod
    async def block_payment(self, blocking: BlockPaymentInput) -> bool:
        """Record why the payment waits, on hold or blocked; False when its bytes may be applied after all."""

    @activity.defn
    @abstractmethod
    async def quarantine_payment(self, observed: ObservedAttempt) -> None:
        """Quarantine the payment: an unknown transaction consumed its sequence."""


@workflow.defn
class PaymentWorkflow(AttemptWorkflowBase):
    @workflow.init
    def __init__(self, payment: Payment) -> None:
        super().__init__(payment)
        self.payment = payment
        self.failures = self.times_in_line = 0
        self.removals: list[Reason] = []
        self.hold_reason: Reason | None = None
        self.shown_reason: Reason | None = None
        # Signed bytes of this payment may be applied at any moment.
        self.on_its_way = False

    @workflow.run
    async def run(self, payment: Payment) -> Receipt | None:
        receipt = await self.outlast_cancellation(self.settle())
        if receipt is not None:
            amount, to = format_amount(self.payment.amount_stroops), self.payment.to_address
            self.note(f"paid {amount} USDC to {to} by transaction {receipt.transaction_hash}")
        show_end()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return receipt

    async def settle(self) -> Receipt | None:
        """Pay, and return the receipt; None when the debt is voided before anything is signed."""
        while True:
            # Reset before the activity: a retry that comes while it runs must count.
            self.retry_requested = False
            self.removals.clear()  # a batch that has ended may have signalled more than once
            preparation = await self.run_until_accepted(
                PaymentActivities.prepare_payment, self.payment
            )
            match preparation:
                case AlreadyPaid(receipt):
                    return receipt
                case Prepared(attempt):
                    if (paid := await self.pay(attempt)) is not None:
                        return paid
                case InBatch():
                    await self.await_batch()
                case AwaitingChannel(check_at):
                    await self.await_channel(check_at)
                case OnHold():
                    await self.await_release(preparation)
                case Blocked(reason, dead_after):
                    await self.await_unblocked(reason, dead_after)
                case Redirected(payment):
                    self.payment = self.subject = payment
                    self.note(f"the payee is paid at {payment.to_address} by now")
                case Voided():
                    self.note("voided: there is nothing to pay")
                    return None
                case _:
                    assert_never(preparation)

    async def pay(self, attempt: Attempt) -> Receipt | None:
        """Send the stored bytes until they are final; None when nothing moved, or nothing is proven."""
        self.hold_reason = None  # put on hold anew, the payment says so anew
        self.on_its_way = True
        attempt, observation = await self.submit_until_final(attempt)
        self.on_its_way = observation.outcome is AttemptOutcome.SUCCEEDED
        observed = ObservedAttempt(self.payment, attempt, observation, workflow.now())
        match observation.outcome:
            case AttemptOutcome.SUCCEEDED:
                return await self.run_until_accepted(PaymentActivities.confirm_payment, observed)
            case AttemptOutcome.EXPIRED:
                self.note("expired unused; signing again for the same sequence")
            case AttemptOutcome.FAILED_RETRY:
                await self.run_until_accepted(PaymentActivities.fail_attempt, observed)
                await self.back_off()
            case AttemptOutcome.FAILED_BLOCKED:
                await self.run_until_accepted(PaymentActivities.fail_attempt, observed)
                await self.await_unblocked(observation.why)
            case _:
                await self.await_quarantine_review(
                    PaymentActivities.quarantine_payment, attempt, observed
                )
        return None

    async def show_stopped(self, reason: Reason) -> bool:
        changed = await super().show_stopped(reason)
        if changed or reason != self.shown_reason:
            self.shown_reason = reason
            await self.notify_outage()
        return changed

    async def show_moving(self) -> bool:
        if moves := await super().show_moving():
            self.shown_reason = None
            await self.notify_outage()
        return moves

    async def notify_outage(self) -> None:
        """Have the outage read what this payment waits for, and show it too."""
        outage = workflow.get_external_workflow_handle(f"outage/{self.payment.outage_id}")
        with suppress(ApplicationError):  # it has ended, or begins anew and reads the same
            await outage.signal("catch_up")

    async def back_off(self) -> None:
        """Wait before signing again, because each transaction without effect costs its fee."""
        self.continue_as_new_if_long()
        pause = exponential_backoff(FAILURE_PAUSE_MIN, self.failures, FAILURE_PAUSE_MAX)
        self.failures += 1
        self.note(f"failed without effect; signing anew in {humanize(pause)}")
        deadline = workflow.now() + pause
        await self.wait_until(deadline, lambda: self.retry_requested, "before signing anew")

    async def await_batch(self) -> None:
        """Wait until a batch has settled this payment with others, or could not."""
        self.note("ready; waits to be settled together with others")
        self.hold_reason = None
        await self.show_moving()
        deadline = workflow.now() + BATCH_CHECK_INTERVAL
        await self.wait_until(
            deadline, lambda: self.retry_requested or bool(self.removals), "in a batch"
        )
        if not self.retry_requested and not self.removals:
            await self.show_delayed()
            await self.notify_outage()  # what stops a batch is on record of its payments
        if self.removals:
            await self.await_unblocked(self.removals.pop())
        self.continue_as_new_if_long()

    async def await_channel(self, check_at: datetime) -> None:
        """
        Wait in line for a channel: by a timer, not inside an activity. Thousands of payments that
        retried an activity would keep busy the workers that payments with a channel need.
        """
        workflow.set_current_details("in line: every channel serves another payment")
        self.hold_reason = None
        await (self.show_delayed() if self.times_in_line else self.show_moving())
        self.times_in_line += 1
        await self.wait_until(check_at, lambda: self.retry_requested, "in line for a channel")
        self.continue_as_new_if_long()

    async def await_unblocked(self, reason: Reason, dead_after: int | None = None) -> None:
        """Block the payment until somebody sends retry, or an hour has passed."""
        blocking = BlockPaymentInput(self.payment, reason, workflow.now(), dead_after=dead_after)
        pause, self.hold_reason = BLOCKED_RETRY, None
        if await self.run_until_accepted(PaymentActivities.block_payment, blocking):
            self.note(f"blocked: {reason}; send the signal retry when it is fixed")
            await self.show_stopped(reason)
        else:
            self.note(
                f"goes on, since its bytes may be applied after all; a run before found: {reason}"
            )
            pause = UNRECORDED_RETRY
        deadline = workflow.now() + pause
        await self.wait_until(deadline, lambda: self.retry_requested, "blocked")
        self.failures = 0
        self.continue_as_new_if_long()

    async def await_release(self, hold: OnHold) -> None:
        """Wait for a limit to let the payment pass; a retry that came since it was asked counts."""
        if hold.reason != self.hold_reason:
            blocking = BlockPaymentInput(
                self.payment, hold.reason, workflow.now(), PaymentStatus.ON_HOLD, hold.dead_after
            )
            if await self.run_until_accepted(PaymentActivities.block_payment, blocking):
                self.note(f"on hold: {hold.reason}")
                self.hold_reason = hold.reason
                await self.show_stopped(hold.reason)
        await self.wait_until(hold.check_at, lambda: self.retry_requested, "on_hold")
        self.continue_as_new_if_long()

    @workflow.update(description="A transfer that was made out of band is this payment")
    async def match_transfer(self, asked: MatchTransferRequest) -> None:
        matching = MatchTransferInput(self.payment, asked, workflow.now())
        await run_activity(PaymentActivities.match_transfer, matching)
        self.note(f"{asked.request.actor} matched transaction {asked.transaction_hash}")
        self.retry_requested = True  # prepare_payment then finds that it is paid

    @match_transfer.validator
    def check_match(self, asked: MatchTransferRequest) -> None:
        check(lambda: check_match_request(asked))
        if self.on_its_way:
            refuse(
                Conflict(
                    f"payment {self.payment.id} has signed bytes that may be applied at any moment; wait "
                    "until it is on hold or blocked"
                )
            )

    @workflow.signal(description="What stopped the payment is fixed: try again")
    def retry(self) -> None:
        self.retry_requested = True

    @workflow.signal(description="A batch removed this payment, for this reason")
    def removed_from_batch(self, reason: Reason) -> None:
        self.removals.append(reason)
