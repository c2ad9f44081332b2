"""
How stored bytes come to an end: sent, sent again, outbid, until the network proves what became
of them.

Only proof ends it. No error, no clock and no answer to a send ever counts as proof.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity, workflow

from domain.settlement.attempts import Attempt, AttemptOutcome, Observation
from domain.settlement.envelopes import SendAnswer

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import WorkflowBase, exponential_backoff
    from workflows.webhooks import start_deliveries

Seen = TypeVar("Seen")

# Observing waits for ledgers to close; longer than this is another round, so that a network
# at rest costs little.
OBSERVE_TIMEOUT = timedelta(seconds=12)
ROUND_PAUSE_MAX = timedelta(minutes=1)
# A word in time saves the wait; this is for the case that it was lost.
QUARANTINE_RECHECK_MIN, QUARANTINE_RECHECK_MAX = timedelta(hours=1), timedelta(days=1)


class AttemptActivities(ABC):
    """What is asked of the network about stored bytes; activities/settlement/attempts.py does it."""

    @activity.defn
    @abstractmethod
    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        """Send the stored bytes; the answer is noted, and proves nothing."""

    @activity.defn
    @abstractmethod
    async def observe_payment(self, attempt: Attempt) -> Observation:
        """Watch ledgers close for a while; answer what is proven, if anything is."""

    @activity.defn
    @abstractmethod
    async def raise_fee(self, attempt: Attempt) -> Attempt:
        """Bid more around the same transaction, if its place in a ledger costs more by now."""


class AttemptWorkflowBase(WorkflowBase):
    """A workflow that has bytes on their way."""

    def __init__(self, subject: Any) -> None:
        super().__init__(subject)
        self.retry_requested = False
        self.quarantined_attempt: tuple[str, int] | None = None
        self.quarantine_checks = 0

    async def submit_until_final(self, attempt: Attempt) -> tuple[Attempt, Observation]:
        """Send the stored bytes, and again, until the network proves what became of them."""
        rounds = 0
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
            pause = min(timedelta(seconds=rounds * rounds), ROUND_PAUSE_MAX)
            await workflow.sleep(pause, summary="nothing is proven yet")
            self.continue_as_new_if_long()
            attempt = await self.run_until_accepted(AttemptActivities.raise_fee, attempt)

    async def await_quarantine_review(
        self,
        quarantine: Callable[[Any, Seen], Awaitable[list[str]]],
        attempt: Attempt,
        observed: Seen,
    ) -> None:
        """
        Wait for a person, for ever if need be: going on could pay twice. Looking again only proves
        again; a word that came while it was put in quarantine counts, as the book showed it by then.
        """
        if self.quarantined_attempt != (attempt.payment_id, attempt.n):
            await start_deliveries(await self.run_until_accepted(quarantine, observed))
            # Not again when it looks by itself: it opens the circuit breaker, which holds everybody.
            self.quarantined_attempt = (attempt.payment_id, attempt.n)
        self.note(f"quarantined: channel {attempt.channel} was used by unknown bytes")
        pause = exponential_backoff(
            QUARANTINE_RECHECK_MIN, self.quarantine_checks, QUARANTINE_RECHECK_MAX
        )
        self.quarantine_checks += 1
        await self.wait_until(workflow.now() + pause, lambda: self.retry_requested, "quarantined")
        if self.retry_requested:
            self.quarantined_attempt, self.quarantine_checks = None, 0
        self.continue_as_new_if_long()
