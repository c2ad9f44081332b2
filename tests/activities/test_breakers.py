"""The breaker in the hands of a worker: opened once, heard within a second, and it pages."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from activities.breakers import FRESH_SECONDS, BreakerSwitch
from activities.limits import Gate
from adapters.postgres import breakers, events
from adapters.postgres.audit import trail
from adapters.postgres.database import Database
from domain.breakers import Tolerance
from domain.outages import Request
from tests.activities.test_limits import owed
from tests.support import eventually, unique

CORRELATION = "corr-breaker"


@pytest.fixture(autouse=True)
async def closed(api: httpx.AsyncClient) -> AsyncIterator[None]:
    """Whatever a test does, the stack that all share settles again afterwards."""
    yield
    await api.post("/payments/breaker", json={"action": "close", "reason": "the test is over"})
    assert (await api.get("/payments/breaker")).json()["is_open"] is False


async def test_it_opens_once_pages_and_holds_what_is_new(
    api: httpx.AsyncClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    paged: list[list[str]] = []

    async def page(deliveries: list[str]) -> None:
        paged.append(deliveries)

    payment, reason = await owed(database), unique("odd")
    switch, other = BreakerSwitch(database, page=page), BreakerSwitch(database, page=page)
    assert await other.reason() is None
    with caplog.at_level(logging.ERROR):
        await switch.trip(reason, CORRELATION)
        await other.trip("something else", CORRELATION)
    assert len(paged) == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"the breaker is open, nothing new is settled: {reason}"
    ]
    door = Gate(database, breaker=switch)
    held = await door.hold(payment)
    assert held is not None
    assert held.obstacle == f"the breaker is open: {reason}"
    assert held.again_at is not None
    assert await door.silence() == f"not sent, the breaker is open: {reason}"

    async def heard() -> bool:
        return await other.reason() == reason

    await eventually(heard, "another worker hears of it", FRESH_SECONDS + 1)
    async with database.autocommit() as connection:
        last = (await trail(connection, "breaker/settlement"))[-1]
        feed = await events.after(connection, events.Cursor(), 10_000)
    assert (last["action"], last["actor"]) == ("breaker.opened", "engine")
    told = [row for row in feed if row["type"] == "settlement.breaker_opened"]
    assert told[-1]["data"]["reason"] == reason
    assert told[-1]["outage_id"] is None


async def test_answers_open_it(api: httpx.AsyncClient, database: Database) -> None:
    switch = BreakerSwitch(database, Tolerance(alarms=2))
    for answer in ("ERROR txBAD_AUTH", "PENDING", "UNKNOWN ReadTimeout"):
        await switch.heard(answer, CORRELATION)
        assert await switch.reason() is None
    await switch.heard("ERROR txBAD_AUTH", CORRELATION)
    assert "refused as wrongly made" in (await switch.reason() or "")


async def test_switching_it_where_it_stands_changes_nothing(
    api: httpx.AsyncClient, database: Database
) -> None:
    async with database.transaction() as connection:
        before = await breakers.state(connection)
        by, at = Request("tester", CORRELATION), datetime.now(UTC)
        again = await breakers.switch(connection, by, at, "no news", to_open=before.is_open)
        assert again is None
        assert await breakers.state(connection) == before
