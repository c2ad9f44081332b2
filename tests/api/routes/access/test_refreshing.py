"""A refresh token is used once; the answer that was lost is given again, and a copy ends the session."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from domain.access.people import Person
from tests.testkit.access.browser import Browser, open_session


async def refresh(browser: Browser, token: str) -> httpx.Response:
    return await browser.post("auth/refresh", json={"refresh_token": token})


async def age_tokens(database: Database, seconds: int) -> None:
    """Let what was used have been used so much earlier."""
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => :seconds)"),
            {"seconds": seconds},
        )


async def test_each_token_is_followed_by_the_next(browser: Browser, person: Person) -> None:
    token, seen = (await open_session(browser, person))["refresh_token"], set()
    browser.cookies.clear()
    for _ in range(3):
        seen.add(token)
        answer = await refresh(browser, token)
        assert answer.status_code == 200, answer.text
        token = answer.json()["refresh_token"]
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await browser.get("auth/me", headers=bearer)).status_code == 200
    assert len(seen | {token}) == 4


async def test_a_lost_answer_is_given_again(browser: Browser, person: Person) -> None:
    token = (await open_session(browser, person))["refresh_token"]
    answers = await asyncio.gather(*(refresh(browser, token) for _ in range(5)))
    assert {each.status_code for each in answers} == {200}
    (successor,) = {each.json()["refresh_token"] for each in answers}
    assert (await refresh(browser, successor)).status_code == 200


async def test_a_copy_that_is_used_later_ends_the_session(
    browser: Browser, other: Browser, person: Person, database: Database, api: httpx.AsyncClient
) -> None:
    stolen = (await open_session(browser, person))["refresh_token"]
    began = (await api.get("/events", params={"limit": 1000})).json()["next"]
    second = (await refresh(browser, stolen)).json()["refresh_token"]
    await age_tokens(database, 11)
    assert (await refresh(other, stolen)).status_code == 401
    # The thief and the owner alike have to log in again.
    assert (await refresh(browser, second)).status_code == 401
    assert (await browser.get("auth/me")).status_code == 401
    async with database.autocommit() as connection:
        entries = await read_trail(connection, f"person/{person.email}")
    (reused,) = [each for each in entries if each["action"] == "session.refresh_reused"]
    assert reused["evidence"]["token_sequence"] == 1
    assert stolen not in str(entries)
    feed = (await api.get("/events", params={"after": began, "limit": 1000})).json()["items"]
    (event,) = [
        each
        for each in feed
        if each["type"] == "access.refresh_token_reused" and each["data"]["person"] == person.email
    ]
    assert event["data"]["session_id"] == reused["evidence"]["session_id"]


async def test_only_the_token_just_used_has_a_second_try(browser: Browser, person: Person) -> None:
    first = (await open_session(browser, person))["refresh_token"]
    second = (await refresh(browser, first)).json()["refresh_token"]
    assert (await refresh(browser, second)).status_code == 200
    assert (await refresh(browser, first)).status_code == 401
    assert (await browser.get("auth/me")).status_code == 401


@pytest.mark.parametrize("column", ["last_seen_at", "expires_at"])
async def test_a_session_that_is_over_is_not_refreshed(
    browser: Browser, person: Person, database: Database, column: str
) -> None:
    token = (await open_session(browser, person))["refresh_token"]
    over = datetime.now(UTC) - timedelta(hours=24)
    async with database.transaction() as connection:
        await connection.execute(
            text(f"UPDATE sessions SET {column} = :over WHERE person_id = :person"),
            {"over": over, "person": person.id},
        )
    assert (await refresh(browser, token)).status_code == 401
    assert (await browser.get("auth/me")).status_code == 401


async def test_a_session_slides_while_it_is_used(
    browser: Browser, person: Person, database: Database
) -> None:
    await open_session(browser, person)
    async with database.transaction() as connection:
        await connection.execute(
            text(
                "UPDATE sessions SET last_seen_at = now() - interval '23 hours' WHERE person_id = :p"
            ),
            {"p": person.id},
        )
    assert (await browser.get("auth/me")).status_code == 200
    async with database.autocommit() as connection:
        idle = await connection.scalar(
            text("SELECT now() - last_seen_at FROM sessions WHERE person_id = :p"), {"p": person.id}
        )
    assert idle < timedelta(minutes=1)


async def test_what_nobody_was_given_is_refused(browser: Browser) -> None:
    assert (await refresh(browser, "of-nobody")).status_code == 401
    assert (await browser.post("auth/refresh", json={})).status_code == 422
