"""A browser that listens learns at once that its session has ended, by whatever process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx
import orjson

from adapters.postgres.access import sessions
from adapters.postgres.database import Database
from domain.access.people import Person
from domain.access.sessions import EndReason
from tests.testkit.access.browser import PASSWORD, Browser, open_session
from tests.testkit.api_client import wait_until


async def read_frames(answer: httpx.Response) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Split the stream as the frontend does."""
    kept = ""
    async for part in answer.aiter_text():
        kept += part
        while "\n\n" in kept:
            frame, kept = kept.split("\n\n", 1)
            lines = dict(line.split(": ", 1) for line in frame.split("\n"))
            yield lines["event"], orjson.loads(lines["data"])


async def listen(browser: Browser, ready: asyncio.Event) -> list[tuple[str, dict[str, str]]]:
    found = []
    async with browser.stream(
        "GET", "auth/events", headers={"Accept": "text/event-stream"}
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        async for frame in read_frames(answer):
            found.append(frame)
            ready.set()
    return found


async def test_without_a_session_there_is_no_stream(browser: Browser) -> None:
    assert (await browser.get("auth/events")).status_code == 401


async def test_a_session_ended_by_an_admin_is_announced(
    browser: Browser, person: Person, api: httpx.AsyncClient
) -> None:
    await open_session(browser, person)
    ready = asyncio.Event()
    listening = asyncio.create_task(listen(browser, ready))
    await asyncio.wait_for(ready.wait(), 10)
    ended = await api.post(f"/auth/admin/logout-all/{person.email}")
    assert ended.json()["sessions_invalidated"] == 1
    assert await asyncio.wait_for(listening, 10) == [
        ("heartbeat", {}),
        ("session_revoked", {"reason": "admin_logout", "cause": "admin_logout"}),
    ]
    assert (await browser.get("auth/me")).status_code == 401


async def test_a_changed_password_is_announced_to_the_others(
    browser: Browser, other: Browser, person: Person
) -> None:
    await open_session(browser, person)
    await open_session(other, person)
    ready = asyncio.Event()
    listening = asyncio.create_task(listen(other, ready))
    await asyncio.wait_for(ready.wait(), 10)
    said = {"current_password": PASSWORD, "new_password": "another horse battery"}
    assert (await browser.post("auth/me/password", json=said)).status_code == 200
    heard = await asyncio.wait_for(listening, 10)
    assert heard[-1] == (
        "session_revoked",
        {"reason": "password_changed", "cause": "password_changed"},
    )


async def test_what_another_process_ends_is_announced_too(
    browser: Browser, person: Person, database: Database
) -> None:
    await open_session(browser, person)
    ready = asyncio.Event()
    listening = asyncio.create_task(listen(browser, ready))
    await asyncio.wait_for(ready.wait(), 10)
    async with database.transaction() as connection:
        reason, now = EndReason.PERSON_DISABLED, datetime.now(UTC)
        assert len(await sessions.end(connection, reason, now, person_id=person.id)) == 1
    heard = await asyncio.wait_for(listening, 10)
    assert heard[-1] == ("session_revoked", {"reason": "admin_logout", "cause": "person_disabled"})


async def test_one_person_does_not_take_the_connections_of_everybody(
    browser: Browser, other: Browser, person: Person, api: httpx.AsyncClient
) -> None:
    async with Browser(str(api.base_url)) as third:
        await open_session(third, person)
        async with AsyncExitStack() as streams:
            kept = []  # a stream that nobody reads any more is closed
            for each in (browser, other):
                await open_session(each, person)
                for _ in range(20):
                    answer = await streams.enter_async_context(each.stream("GET", "auth/events"))
                    kept.append(read_frames(answer))
                    assert (await anext(kept[-1]))[0] == "heartbeat"
                refused = await each.get("auth/events", timeout=14)
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
            refused = await third.get("auth/events", timeout=14)
            assert "of your pages" in refused.json()["detail"]
            assert (await third.get("auth/me")).status_code == 200

        async def listen_again() -> str | None:
            async with third.stream("GET", "auth/events") as answer:
                return await read_first_event(answer)

        # The server has seen that the others have gone.
        assert await wait_until(listen_again, "there is room for another stream") == "heartbeat"


async def read_first_event(answer: httpx.Response) -> str | None:
    return (await anext(read_frames(answer)))[0] if answer.status_code == 200 else None
