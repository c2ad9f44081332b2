"""Envelopes that expire unsent on a channel, and what follows them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import httpx

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.settlement.attempts import (
    Attempt,
    Blocked,
    ObservedAttempt,
    OnHold,
    PreparePaymentResult,
)
from domain.settlement.payments import BlockPaymentInput, Payment, PaymentStatus
from tests.testkit.settlement.payment_factory import NOW
from tests.testkit.settlement.preparations import get_attempt


async def let_expire(rail: Rail, activities: PaymentActivitiesImpl, payment: Payment) -> Attempt:
    """Sign a payment and let its envelope expire before it is sent."""
    attempt = get_attempt(await activities.prepare_payment(payment))
    await wait_until_expired(rail, attempt)
    return attempt


async def wait_until_expired(rail: Rail, attempt: Attempt) -> None:
    """Close ledgers until no ledger can hold the envelope any more: nobody waits for the clock."""
    await close_ledgers(rail, attempt.max_ledger + 1)


async def close_ledgers(rail: Rail, ledger: int) -> None:
    """Have the chain in the box close ledgers until it has closed this one."""
    box = urljoin(rail.nodes.all[0].server.server_url, "/close-ledger")
    async with httpx.AsyncClient(trust_env=False) as client:
        while (missing := ledger - await rail.get_latest_ledger()) > 0:
            for _ in range(missing):
                (await client.post(box)).raise_for_status()


@asynccontextmanager
async def keep_ledgers_open(stack: Stack) -> AsyncIterator[None]:
    """Let no ledger close within the block, so that no envelope expires however long a busy machine takes."""
    url = stack.environment["STELLAR_RPC_URL"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as chain:
        halt = {"faults": [{"kind": "network_halt"}]}
        (await chain.post("/faults", json=halt)).raise_for_status()
        try:
            yield
        finally:
            (await chain.post("/faults", json={"faults": []})).raise_for_status()


def make_block_input(
    payment: Payment, why: PreparePaymentResult, status: PaymentStatus
) -> BlockPaymentInput:
    assert isinstance(why, OnHold | Blocked)
    return BlockPaymentInput(payment, why.reason, NOW, status, why.dead_after)


async def settle_after_expiry(
    activities: PaymentActivitiesImpl, payment: Payment, expired: Attempt
) -> None:
    """Settle the payment with the channel and sequence of its expired envelope."""
    attempt = get_attempt(await activities.prepare_payment(payment))
    assert (attempt.channel, attempt.sequence) == (expired.channel, expired.sequence)
    await activities.submit_payment(attempt)
    observation = await activities.observe_payment(attempt)
    await activities.confirm_payment(ObservedAttempt(payment, attempt, observation, NOW))
