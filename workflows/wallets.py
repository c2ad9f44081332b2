"""
Request workflows about wallets, for which keys or the network are needed: the facade has neither.

Each is one step in the settlement worker, asked for by somebody who waits for the answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from domain.settlement.wallets import Challenge, Readiness, SignedChallenge

Message = TypeVar("Message")
Answer = TypeVar("Answer")

REQUEST_TIMEOUT = timedelta(seconds=8)
# Whoever asked has given up by then.
REQUEST_PATIENCE = timedelta(seconds=20)
RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=300), maximum_attempts=5)


class WalletActivities(ABC):
    """What is asked about a wallet; activities/settlement/wallets.py does it."""

    @activity.defn
    @abstractmethod
    async def read_wallet(self, address: str) -> Readiness:
        """Ask the network what an account is and can take; keep its word."""

    @activity.defn
    @abstractmethod
    async def challenge_wallet(self, address: str) -> Challenge:
        """Sign a challenge that only who holds the account can answer."""

    @activity.defn
    @abstractmethod
    async def prove_wallet(self, proof: SignedChallenge) -> Readiness:
        """Check the signatures on a challenge, and use it up."""

    @activity.defn
    @abstractmethod
    async def fund_wallet(self, address: str) -> Readiness:
        """Have a test network's friendbot fund an account."""


async def _errand(step: Callable[[Any, Message], Awaitable[Answer]], message: Message) -> Answer:
    """Run one step; what it refuses is raised as its caller can read it."""
    try:
        return await workflow.execute_activity_method(
            step,
            message,
            start_to_close_timeout=REQUEST_TIMEOUT,
            schedule_to_close_timeout=REQUEST_PATIENCE,
            retry_policy=RETRY,
            summary=step.__name__.replace("_", " "),
        )
    except ActivityError as error:
        raise (error.cause if isinstance(error.cause, ApplicationError) else error) from None


@workflow.defn
class ReadWalletWorkflow:
    @workflow.run
    async def run(self, address: str) -> Readiness:
        return await _errand(WalletActivities.read_wallet, address)


@workflow.defn
class ChallengeWalletWorkflow:
    @workflow.run
    async def run(self, address: str) -> Challenge:
        return await _errand(WalletActivities.challenge_wallet, address)


@workflow.defn
class ProveWalletWorkflow:
    @workflow.run
    async def run(self, proof: SignedChallenge) -> Readiness:
        return await _errand(WalletActivities.prove_wallet, proof)


@workflow.defn
class FundWalletWorkflow:
    @workflow.run
    async def run(self, address: str) -> Readiness:
        return await _errand(WalletActivities.fund_wallet, address)


WALLET_WORKFLOWS = [
    ReadWalletWorkflow,
    ChallengeWalletWorkflow,
    ProveWalletWorkflow,
    FundWalletWorkflow,
]
