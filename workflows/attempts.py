"""
How stored bytes come to an end: sent, sent again, outbid, until the network proves what became
of them.

Only proof ends it. No error, no clock and no answer to a send ever counts as proof.
"""

from abc import ABC, abstractmethod
from datetime import timedelta

from temporalio import activity, workflow

from domain.attempts import Attempt, Observation, Outcome

with workflow.unsafe.imports_passed_through():
    from workflows.steps import Life

# Observing waits for ledgers to close; longer than this is another round, so that a network
# at rest costs little.
OBSERVE_TIMEOUT = timedelta(seconds=12)
ROUND_PAUSE_MAX = timedelta(minutes=1)


class AttemptSteps(ABC):
    """What is asked of the network about stored bytes; activities/attempts.py does it."""

    @activity.defn
    @abstractmethod
    async def submit_payment(self, attempt: Attempt) -> str:
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

    async def landed(self, attempt: Attempt) -> tuple[Attempt, Observation]:
        """Send the stored bytes, and again, until the network proves what became of them."""
        rounds = 0
        while True:
            answer = await self.insist(AttemptSteps.submit_payment, attempt)
            if "INSUFFICIENT_FEE" in answer and (higher := await self.raised(attempt)) != attempt:
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
            attempt = await self.raised(attempt)

    async def raised(self, attempt: Attempt) -> Attempt:
        """Ask for a higher bid; lives that began before there was one go on without."""
        if not workflow.patched("fee-bumps"):
            return attempt
        return await self.insist(AttemptSteps.raise_fee, attempt)
