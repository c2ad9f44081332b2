"""Bytes that die on a channel by hand, and what follows them."""

from activities.payments import PaymentActivities
from adapters.stellar.rail import Rail
from domain.attempts import Attempt, Preparation, Sighting
from domain.payments import Parking, Payment, PaymentStatus
from tests.owing import NOW
from tests.support import eventually


async def dead(rail: Rail, steps: PaymentActivities, payment: Payment) -> Attempt:
    """Sign a payment and let its bytes die before they are sent."""
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None

    await past(rail, attempt)
    return attempt


async def past(rail: Rail, attempt: Attempt) -> None:
    async def look() -> bool:
        return await rail.latest_ledger() > attempt.max_ledger

    await eventually(look, "the bytes are dead")


def parking(payment: Payment, why: Preparation, status: PaymentStatus) -> Parking:
    assert why.obstacle is not None
    return Parking(payment, why.obstacle, NOW, status, why.dead_after)


async def settle(steps: PaymentActivities, payment: Payment, died: Attempt) -> None:
    """Go on with the pair of the bytes that died."""
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    assert (attempt.channel, attempt.sequence) == (died.channel, died.sequence)
    await steps.submit_payment(attempt)
    observation = await steps.observe_payment(attempt)
    await steps.book_payment(Sighting(payment, attempt, observation, NOW))
