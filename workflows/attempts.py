"""
What payments and batches share: stored bytes are sent, and sent again, and bid higher for, until
the network proves what became of them.

Only proof ends an attempt. No error, no clock and no answer to a send ever counts as proof.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity, workflow

from domain.reasons import WAITS, Reason, ReasonCode, WaitsFor, find_end
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation
from domain.settlement.envelopes import SendAnswer

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import WorkflowBase, exponential_backoff
    from workflows.visibility.search_attributes import get_shown_wait, show_wait

Seen = TypeVar("Seen")

# One activity watches ledgers close for at most this long; then the workflow waits by a timer.
OBSERVE_TIMEOUT = timedelta(seconds=12)
ROUND_PAUSE_MAX = timedelta(minutes=1)
UNKNOWN = Reason(ReasonCode.UNKNOWN_TRANSACTION, "its channel was used by an unknown transaction")
# A person signals retry after the review; this is for the case that the signal was lost.
QUARANTINE_RECHECK_MIN, QUARANTINE_RECHECK_MAX = timedelta(hours=1), timedelta(days=1)


class AttemptActivities(ABC):
    """The activities of an attempt; implemented by activities/settlement/attempts.py."""

    @activity.defn
    @abstractmethod
    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        """Send the stored bytes; the answer is recorded, and proves nothing."""

    @activity.defn
    @abstractmethod
    async def observe_payment(self, attempt: Attempt) -> Observation:
        """Watch ledgers close for a while; return what is proven, if anything is."""

    @activity.defn
    @abstractmethod
    async def raise_fee(self, attempt: Attempt) -> Attempt:
        """Bid a higher fee for the same transaction, if the network asks for more by now."""


class AttemptWorkflowBase(WorkflowBase):
    """A workflow that sends signed bytes."""

    def __init__(self, subject: Any) -> None:
        super().__init__(subject)
        self.quarantined_attempt: tuple[str, int] | None = None
        self.quarantine_checks = 0

    async def show_stopped(self, reason: Reason) -> bool:
        """Show in the list what stops this; False when that is shown already."""
        return show_wait(WAITS[reason.code], find_end(reason.code, workflow.now()))

    async def show_moving(self) -> bool:
        """Show, of what was stopped, that it waits for nobody any more; False of what was not, or still is."""
        # In quarantine it is only observed again, until a person has reviewed it.
        if get_shown_wait() in (None, WaitsFor.NETWORK) or self.quarantined_attempt:
            return False
        return show_wait(WaitsFor.NETWORK)

    async def show_delayed(self) -> None:
        """Show that this takes longer than it should, and that nobody can do anything about it."""
        if get_shown_wait() is None:
            show_wait(WaitsFor.NETWORK)
        else:
            await self.show_moving()

    def note_stuck(self, why: str) -> None:
        # What waits for a person does so while the network is away as well.
        if get_shown_wait() is None:
            show_wait(WaitsFor.NETWORK)
        super().note_stuck(why)

    async def submit_until_final(self, attempt: Attempt) -> tuple[Attempt, Observation]:
        """Send the stored bytes again and again, until the network proves what became of them."""
        rounds = 0
        await self.show_moving()
        while True:
            answer = await self.run_until_accepted(AttemptActivities.submit_payment, attempt)
            if answer.outbid:
                higher = await self.run_until_accepted(AttemptActivities.raise_fee, attempt)
                if higher != attempt:
                    attempt = higher
                    continue
            self.note(f"{attempt.newest_hash}: {answer}; watching for it in a ledger")
            observation = await self.run_until_accepted(
                AttemptActivities.observe_payment, attempt, OBSERVE_TIMEOUT
            )
            if observation.outcome is not AttemptOutcome.OPEN:
                return attempt, observation
            rounds += 1
            if observation.reason_code is None:
                await self.show_delayed()
            else:
                await self.show_stopped(observation.why)
            pause = min(timedelta(seconds=rounds * rounds), ROUND_PAUSE_MAX)
            await workflow.sleep(pause, summary="nothing is proven yet")
            self.continue_as_new_if_long()
            attempt = await self.run_until_accepted(AttemptActivities.raise_fee, attempt)

    async def await_quarantine_review(
        self,
        quarantine: Callable[[Any, Seen], Awaitable[None]],
        attempt: Attempt,
        observed: Seen,
    ) -> None:
        """
        Quarantine the attempt and wait for a person, for ever if need be: going on could pay twice.
        The wait ends after a while too, but then the attempt is only observed again. A retry that
        comes while the quarantine is recorded counts, because the database shows it by then.
        """
        if self.quarantined_attempt != (attempt.payment_id, attempt.n):
            await self.run_until_accepted(quarantine, observed)
            # Recorded once, not at each check: it opens the circuit breaker, which stops every payment.
            self.quarantined_attempt = (attempt.payment_id, attempt.n)
        self.note(f"quarantined: channel {attempt.channel} was used by an unknown transaction")
        await self.show_stopped(UNKNOWN)
        pause = exponential_backoff(
            QUARANTINE_RECHECK_MIN, self.quarantine_checks, QUARANTINE_RECHECK_MAX
        )
        self.quarantine_checks += 1
        await self.wait_until(workflow.now() + pause, lambda: self.retry_requested, "quarantined")
        if self.retry_requested:
            self.quarantined_attempt, self.quarantine_checks = None, 0
        self.continue_as_new_if_long()
