"""
Bytes that died on a channel while none can be signed in their place: the book says what the
payment waits for, and it goes on with the same pair once that is mended.
"""

from dataclasses import replace

import httpx
import pytest

from activities.limits import Gate
from activities.payments import PaymentActivities
from adapters.postgres import attempts as reservations
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from domain.attempts import Attempt, Preparation, Sighting
from domain.errors import TryAgain
from domain.payments import Parking, Payment, PaymentStatus
from sandbox.stack import Stack
from tests.gathering import on_chain, states
from tests.owing import NOW, payment_owed
from tests.support import eventually


async def remove(chain: httpx.AsyncClient, stack: Stack) -> None:
    payee = stack.environment["STELLAR_BENEFICIARY_ADDRESS"]
    plan = {"faults": [{"kind": "removed_trustline", "address": payee}]}
    (await chain.post("/faults", json=plan)).raise_for_status()


async def mend(chain: httpx.AsyncClient) -> None:
    (await chain.post("/faults", json={"faults": []})).raise_for_status()


async def dead(rail: Rail, steps: PaymentActivities, payment: Payment) -> Attempt:
    """Sign a payment and let its bytes die before they are sent."""
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None

    async def past() -> bool:
        return await rail.latest_ledger() > attempt.max_ledger

    await eventually(past, "the bytes are dead")
    return attempt


def parking(payment: Payment, why: Preparation, status: PaymentStatus) -> Parking:
    return Parking(payment, why.obstacle, NOW, status, why.dead_after)


async def settle(steps: PaymentActivities, payment: Payment, died: Attempt) -> None:
    """Go on with the pair of the bytes that died."""
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    assert (attempt.channel, attempt.sequence) == (died.channel, died.sequence)
    await steps.submit_payment(attempt)
    observation = await steps.observe_payment(attempt)
    await steps.book_payment(Sighting(payment, attempt, observation, NOW))


@pytest.mark.parametrize("sent", [False, True])
async def test_a_payment_whose_bytes_died_is_parked_until_it_can_be_signed_again(
    stack: Stack, database: Database, rail: Rail, chain: httpx.AsyncClient, sent: bool
) -> None:
    payment = await payment_owed(database, "DEAD-ALONE", 25)
    steps = PaymentActivities(database, rail)
    died = await dead(rail, steps, payment)
    if sent:
        await steps.submit_payment(died)  # too late to be taken by any ledger
    await remove(chain, stack)
    why = await steps.prepare_payment(payment)
    told = await steps.park_payment(parking(payment, why, PaymentStatus.PARKED))
    assert await states(database, payment) == [("parked", why.obstacle)]
    assert "trustline" in why.obstacle
    assert await steps.park_payment(parking(payment, why, PaymentStatus.PARKED)) == told
    await mend(chain)
    await settle(steps, payment, died)
    assert await states(database, payment) == [("confirmed", None)]
    assert await on_chain(stack, payment) == [1]


async def test_a_payment_whose_bytes_died_is_held_while_the_breaker_is_open(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "DEAD-HELD", 25)
    steps = PaymentActivities(database, rail, Stopped(database))
    died = await dead(rail, PaymentActivities(database, rail), payment)
    why = await steps.prepare_payment(payment)
    assert why.again_at is not None
    await steps.park_payment(parking(payment, why, PaymentStatus.HELD))
    assert await states(database, payment) == [("held", why.obstacle)]
    await settle(PaymentActivities(database, rail), payment, died)
    assert await states(database, payment) == [("confirmed", None)]


class Stopped(Gate):
    """The breaker is open for whoever asks here."""

    async def pause(self) -> Preparation:
        return Preparation(None, "the breaker is open", again_at=NOW)


async def test_who_comes_late_parks_nothing_that_was_signed_again(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    """A run found that nothing can follow the dead bytes; by the time it says so, others did."""
    payment = await payment_owed(database, "DEAD-LATE", 25)
    steps = PaymentActivities(database, rail)
    died = await dead(rail, steps, payment)
    late = Parking(payment, "no trustline", NOW, dead_after=died.max_ledger)
    assert (await steps.prepare_payment(payment)).attempt is not None
    assert await steps.park_payment(late) == []
    assert await states(database, payment) == [("prepared", None)]
    await settle(steps, payment, died)


async def test_who_finds_an_obstacle_while_another_signs_looks_again(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment = await payment_owed(database, "DEAD-RACE", 25)
    steps = PaymentActivities(database, rail)
    async with database.autocommit() as connection:
        stale = await reservations.reserve(connection, payment.id)
    assert stale is not None
    attempt = (await steps.prepare_payment(payment)).attempt
    assert attempt is not None
    with pytest.raises(TryAgain):
        await steps._given_back(stale, Preparation(None, "no trustline"))
    resumed = (await steps.prepare_payment(payment)).attempt
    assert resumed == replace(attempt, resumed=True)
    await settle(steps, payment, attempt)
