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

from domain.attempts import Attempt, Observation, Outcome
from domain.envelopes import SendAnswer

with workflow.unsafe.imports_passed_through():
    from workflows.steps import Life, grown
    from workflows.webhooks import start_deliveries

Seen = TypeVar("Seen")

# Observing waits for ledgers to close; longer than this is another round, so that a network
# at rest costs little.
OBSERVE_TIMEOUT = timedelta(seconds=12)
ROUND_PAUSE_MAX = timedelta(minutes=1)
# A word in time saves the wait; this is for the case that it was lost.
QUARANTINE_LOOK_MIN, QUARANTINE_LOOK_MAX = timedelta(hours=1), timedelta(days=1)


class AttemptSteps(ABC):
    """What is asked of the network about stored bytes; activities/attempts.py does it."""

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


class Landing(Life):
    """A life that has bytes on their way."""

    def __init__(self, subject: Any) -> None:
        super().__init__(subject)
        self.retry_wanted = False
        self.in_quarantine: tuple[str, int] | None = None
        self.looks = 0

    async def landed(self, attempt: Attempt) -> tuple[Attempt, Observation]:
        """Send the stored bytes, and again, until the network proves what became of them."""
        rounds = 0
        while True:
            answer = await self.insist(AttemptSteps.submit_payment, attempt)
            if answer.outbid:
                higher = await self.insist(AttemptSteps.raise_fee, attempt)
                if higher != attempt:
                    attempt = higher
                    continue
            self.note(f"{attempt.newest_hash}: {answer}; watching for it in a ledger")
            observation = await self.insist(AttemptSteps.observe_payment, attempt, OBSERVE_TIMEOUT)
            if observation.outcome is not Outcome.OPEN:
                return attempt, observation
            rounds += 1
            pause = min(timedelta(seconds=rounds * rounds), ROUND_PAUSE_MAX)
            await workflow.sleep(pause, summary="nothing is proven yet")
            self.start_over_if_long()
            attempt = await self.insist(AttemptSteps.raise_fee, attempt)

    async def distrusted(
        self,
        quarantine: Callable[[Any, Seen], Awaitable[list[str]]],
        attempt: Attempt,
        sighting: Seen,
    ) -> None:
        """
        Wait for a person, for ever if need be: going on could pay twice. Looking again only proves
        again; a word that came while it was put in quarantine counts, as the book showed it by then.
        """
        if self.in_quarantine != (attempt.payment_id, attempt.n):
            await start_deliveries(await self.insist(quarantine, sighting))
            # Not again when it looks by itself: it opens the breaker, which holds everybody.
            self.in_quarantine = (attempt.payment_id, attempt.n)
        self.note(f"quarantined: channel {attempt.channel} was used by unknown bytes")
        pause = grown(QUARANTINE_LOOK_MIN, self.looks, QUARANTINE_LOOK_MAX)
        self.looks += 1
        await self.wait_until(workflow.now() + pause, lambda: self.retry_wanted, "quarantined")
        if self.retry_wanted:
            self.in_quarantine, self.looks = None, 0
        self.start_over_if_long()
