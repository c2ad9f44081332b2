"""A payment that need not wait is settled by one activity, without a workflow of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from temporalio import activity

from domain.settlement.attempts import AlreadyPaid, AttemptOutcome, ObservedAttempt, Prepared
from domain.settlement.payments import Payment, Receipt
from workflows.payments import PaymentActivities

# Three of them fit into the time after which a signer counts as dead: workflows/sla/settling.py.
HEARTBEAT_SECONDS = 3.0


async def make_payment_directly(steps: PaymentActivities, payment: Payment) -> Receipt | None:
    """
    Take a payment straight to its receipt; None when it has to wait, or nothing is proven.

    It decides nothing, and remembers nothing: PaymentWorkflow begins by the same step, and goes on from what
    the database says, as does this when it runs again or beside a workflow.
    """
    match await steps.prepare_payment(payment):
        case AlreadyPaid(receipt):
            return receipt
        case Prepared(attempt):
            if (await steps.submit_payment(attempt)).outbid:
                return None
            seen = await steps.observe_payment(attempt)
            if seen.outcome is AttemptOutcome.SUCCEEDED:
                observed = ObservedAttempt(payment, attempt, seen, datetime.now(UTC))
                return await steps.confirm_payment(observed)
    return None


@asynccontextmanager
async def keep_alive() -> AsyncIterator[None]:
    """Tell the server that this process lives, for as long as the block runs."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
