"""
The feed: every event once, in the order of commits, whatever is being written meanwhile. What receivers get is
described where they can read it.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from jsonschema_rs import validator_for
from sqlalchemy import text

from adapters.postgres.database import Database
from domain.events import EventType
from tests.testkit.api_client import (
    BRIEF,
    declare_outage,
    make_unique_id,
    resolve_outage,
    settle_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.webhook_receiver import WebhookReceiver

INSERT = text(
    "INSERT INTO events (id, type, entry_id, outage_id, outage_sequence, occurred_at, data)"
    " SELECT :id, 'outage.cancelled', id, CAST(:outage_id AS text), 1000, now(),"
    " jsonb_build_object('outage_id', CAST(:outage_id AS text), 'reason', 'a test')"
    " FROM audit_entries LIMIT 1"
)


async def _read(api: httpx.AsyncClient, after: str, limit: int = 1000) -> dict[str, Any]:
    answer = await api.get("/events", params={"after": after, "limit": limit})
    assert answer.status_code == 200, answer.text
    feed: dict[str, Any] = answer.json()
    return feed


async def _end(api: httpx.AsyncClient) -> str:
    cursor = "0-0"
    while (feed := await _read(api, cursor))["items"]:
        cursor = feed["next"]
    return cursor


async def test_the_feed_lists_the_events_of_an_outage_in_order(api: httpx.AsyncClient) -> None:
    start = await _end(api)
    outage = await settle_outage(api)
    events = [
        event for event in (await _read(api, start))["items"] if event["outage_id"] == outage["id"]
    ]
    assert [event["type"] for event in events] == [
        "outage.created",
        "outage.resolved",
        "sla.breached",
        "payment.submitted",
        "payment.processed",
        "outage.closed",
    ]
    assert [event["outage_sequence"] for event in events] == [1, 2, 3, 4, 5, 6]
    assert events[4]["data"]["transaction_hash"] == outage["payment"]["transaction_hash"]
    assert events[2]["data"]["amount_stroops"] == "-10000000000"


async def test_small_pages_and_one_large_page_list_the_same_events(api: httpx.AsyncClient) -> None:
    start = await _end(api)
    await settle_outage(api)
    whole = (await _read(api, start))["items"]
    cursor, pieces = start, []
    while (feed := await _read(api, cursor, limit=2))["items"]:
        pieces += feed["items"]
        cursor = feed["next"]
    assert pieces == whole
    assert len({event["id"] for event in pieces}) == len(pieces)


async def test_the_cursor_stays_while_nothing_happens(api: httpx.AsyncClient) -> None:
    end = await _end(api)
    assert await _read(api, end) == {"items": [], "next": end}


async def test_an_event_still_being_written_is_waited_for(
    api: httpx.AsyncClient, database: Database
) -> None:
    """Its number is lower than those of later events, so passing it by would lose it."""
    known = await declare_outage(api)
    start, slow = await _end(api), make_unique_id("evt")
    async with database.transaction() as connection:
        await connection.execute(INSERT, {"id": slow, "outage_id": known})
        later = await declare_outage(api)
        early = await _read(api, start)
        assert early == {"items": [], "next": start}
    reported = [
        (event["id"], event["outage_id"]) for event in (await _read(api, early["next"]))["items"]
    ]
    assert reported[0] == (slow, known)
    assert later in [outage_id for _, outage_id in reported[1:]]


@pytest.fixture
async def receiver(api: httpx.AsyncClient) -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as one:
        wanted = {"url": one.url, "events": [str(each) for each in EventType]}
        webhook = (await api.post("/webhooks", json=wanted)).json()
        yield one
        await api.delete(f"/webhooks/{webhook['id']}")


async def test_every_type_is_listed_and_has_a_schema(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/events/schemas")).json()
    assert listed == {"schema_version": 1, "types": [str(each) for each in EventType]}
    schema = (await api.get("/events/schemas/outage.closed")).json()
    assert schema["properties"]["type"] == {"const": "outage.closed"}
    assert (await api.get("/events/schemas/outage.exploded")).status_code == 422


async def test_a_life_is_received_as_it_is_described(
    api: httpx.AsyncClient, decider: httpx.AsyncClient, receiver: WebhookReceiver
) -> None:
    """Amended, breached, disputed, revised and paid."""
    outage_id = await declare_outage(api, policy=BRIEF)
    amended = await api.patch(f"/outages/{outage_id}", json={"site_name": "Tower 8"})
    assert amended.is_success, amended.text
    await resolve_outage(api, outage_id)
    filed = await api.post("/sla/disputes", json={"outage_id": outage_id, "reason": "too long"})
    assert filed.status_code == 201, filed.text
    decision = {"action": "resolve", "mttr_minutes": 5, "resolution_note": "the log says so"}
    decided = await decider.patch(f"/sla/disputes/{filed.json()['id']}", json=decision)
    if decided.is_success:  # or its second to decide was over
        assert "sla.revised" in await hear(receiver, outage_id, "sla.revised")
    await wait_for_lifecycle(api, outage_id, "closed")
    heard = await hear(receiver, outage_id, "outage.closed")
    assert {"outage.amended", "sla.breached", "payment.submitted", "dispute.resolved"} <= {*heard}
    for type_, message in heard.items():
        schema = (await api.get(f"/events/schemas/{type_}")).json()
        validator_for(schema, validate_formats=True).validate(message)
    numbers = sorted(message["outage_sequence"] for message in heard.values())
    assert numbers == list(range(1, len(numbers) + 1))


async def hear(receiver: WebhookReceiver, outage_id: str, last: str) -> dict[str, dict[str, Any]]:
    """Wait for an event of an outage, and for all that came before it; return what was received, by type."""

    async def look() -> dict[str, dict[str, Any]] | None:
        messages = [json.loads(each.body) for each in receiver.received]
        heard = {
            message["type"]: message
            for message in messages
            if message["data"].get("outage_id") == outage_id
        }
        numbers = {message["outage_sequence"] for message in heard.values()}
        complete = last in heard and len(numbers) >= heard[last]["outage_sequence"]
        return heard if complete else None

    return await wait_until(look, f"{last} of {outage_id} and all before it are received")
