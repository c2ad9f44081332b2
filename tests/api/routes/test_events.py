"""The feed: every event once, in the order of commits, whatever is being written meanwhile."""

from typing import Any

import httpx
from sqlalchemy import text

from adapters.postgres.database import Database
from tests.testkit.api_client import declare_outage, make_unique_id, settle_outage

INSERT = text(
    "INSERT INTO events (id, type, entry_id, outage_id, occurred_at, data)"
    " SELECT :id, 'outage.created', id, :outage_id, now(), '{}' FROM audit_entries LIMIT 1"
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
        "payment.processed",
        "outage.closed",
    ]
    assert events[3]["data"]["transaction_hash"] == outage["payment"]["transaction_hash"]
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
