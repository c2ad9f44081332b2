"""
Request workflows about wallets: the API waits for their result.

Each runs one activity in the settlement worker, because the API has neither keys nor the network.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from domain.settlement.owners.registrations import ChallengeWalletInput
from domain.settlement.owners.wallets import Challenge, Readiness, SignedChallenge

Message = TypeVar("Message")
Answer = TypeVar("Answer")

REQUEST_TIMEOUT = timedelta(seconds=8)
# The caller has given up by then.
REQUEST_PATIENCE = timedelta(seconds=20)
RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=300), maximum_attempts=5)


class WalletActivities(ABC):
    """The activities of a wallet; implemented by activities/settlement/wallets.py."""

    @activity.defn
    @abstractmethod
    async def read_wallet(self, address: str) -> Readiness:
        """Read from the network what an account can receive, and record it."""

    @activity.defn
    @abstractmethod
    async def challenge_wallet(self, wanted: ChallengeWalletInput) -> Challenge:
        """Sign a challenge that only the holder of the account can answer."""

    @activity.defn
    @abstractmethod
    async def prove_wallet(self, proof: SignedChallenge) -> Readiness:
        """Check the signatures on a challenge, and mark it as used."""

    @activity.defn
    @abstractmethod
    async def fund_wallet(self, address: str) -> Readiness:
        """Ask the friendbot of a test network to fund an account."""


async def _run(method: Callable[[Any, Message], Awaitable[Answer]], message: Message) -> Answer:
    """Run one activity; a refusal is raised in a form that the API can read."""
    try:
        return await workflow.execute_activity_method(
            method,
            message,
            start_to_close_timeout=REQUEST_TIMEOUT,
            schedule_to_close_timeout=REQUEST_PATIENCE,
            retry_policy=RETRY,
            summary=method.__name__.replace("_", " "),
        )
    except ActivityError as error:
        raise (error.cause if isinstance(error.cause, ApplicationError) else error) from None


@workflow.defn
class ReadWalletWorkflow:
    @workflow.run
    async def run(self, address: str) -> Readiness:
        return await _run(WalletActivities.read_wallet, address)


@workflow.defn
class ChallengeWalletWorkflow:
    @workflow.run
    async def run(self, wanted: ChallengeWalletInput) -> Challenge:
        return await _run(WalletActivities.challenge_wallet, wanted)


@workflow.defn
class ProveWalletWorkflow:
    @workflow.run
    async def run(self, proof: SignedChallenge) -> Readiness:
        return await _run(WalletActivities.prove_wallet, proof)


@workflow.defn
class FundWalletWorkflow:
    @workflow.run
    async def run(self, address: str) -> Readiness:
        return await _run(WalletActivities.fund_wallet, address)


WALLET_WORKFLOWS = (
    ReadWalletWorkflow,
    ChallengeWalletWorkflow,
    ProveWalletWorkflow,
    FundWalletWorkflow,
)
