"""Releasing a channel whose sequence was consumed in ledgers that no node of the whole product remembers."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from adapters.stellar import rail as rails
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    ObservedAttempt,
)
from tests.cli.test_channels import close_circuit_breaker, released, state
from tests.testkit.api_client import wait_until
from tests.testkit.settlement.batch_factory import count_credits, read_statuses
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt

FORGET = {"kind": "short_retention", "value": 2}


@pytest.fixture(autouse=True)
async def _circuit_breaker(api: httpx.AsyncClient) -> AsyncIterator[None]:
    yield
    await close_circuit_breaker(api)


def proven(
    steps: PaymentActivitiesImpl, attempt: Attempt
) -> Callable[[], Awaitable[Observation | None]]:
    async def look() -> Observation | None:
        seen = await steps.observe_payment(attempt)
        return None if seen.outcome is AttemptOutcome.OPEN else seen

    return look


async def test_a_payment_that_landed_unobserved_is_not_released_and_is_confirmed(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The signer was away for longer than nodes remember; reconciliation was not."""
    payment = await owe_payment(database, "FORGOTTEN")
    steps = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await steps.prepare_payment(payment))
    await rail.send(attempt.envelope_xdr)
    await wait_until(seen_on_chain(database, attempt), "reconciliation has read it", 60)
    foreign = Observation(
        AttemptOutcome.FOREIGN, reason="consumed in ledgers that no node remembers"
    )
    await steps.quarantine_payment(ObservedAttempt(payment, attempt, foreign, NOW))
    (await chain.post("/faults", json={"faults": [FORGET]})).raise_for_status()
    try:
        code, said = await released(stack, attempt)
        assert code != 0
        assert "the money moved, in transaction" in said
        assert await state(database, payment) == "quarantined"
        monkeypatch.setattr(rails, "WATCH_SECONDS", 0.3)
        observed = await wait_until(proven(steps, attempt), "something is proven", 60)
    finally:
        (await chain.post("/faults", json={"faults": []})).raise_for_status()
    assert (observed.outcome, observed.hash) == (AttemptOutcome.SUCCEEDED, attempt.envelope_hash)
    await steps.confirm_payment(ObservedAttempt(payment, attempt, observed, NOW))
    assert await read_statuses(database, payment) == [("confirmed", None)]
    assert await count_credits(stack, payment) == [1]
    assert (await released(stack, attempt))[0] == 0


def seen_on_chain(database: Database, attempt: Attempt) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        async with database.autocommit() as connection:
            found = await reconciliation.find_transfer(connection, [attempt.envelope_hash])
        return found is not None

    return look
