"""Somebody logs in with a browser, works, and logs out; whatever else they carry is of no use."""

import asyncio

import pytest

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from domain.access.people import Person
from domain.access.permissions import Role
from tests.testkit.access.browser import PASSWORD, Browser, add_person, open_session
from tests.testkit.api_client import build_outage


async def test_a_browser_logs_in_works_and_logs_out_with_cookies_alone(
    browser: Browser, person: Person, database: Database
) -> None:
    assert (await browser.get("auth/me")).status_code == 401
    answer = await browser.log_in(person)
    assert answer.status_code == 200
    cookies = answer.headers.get_list("set-cookie")
    assert {each.partition("=")[0] for each in cookies} == {
        *("apex_session", "apex_csrf", "apex_device")
    }
    for each in cookies:
        assert ("HttpOnly" in each) is not each.startswith("apex_csrf=")
        assert "SameSite=lax" in each
    me = (await browser.get("auth/me")).json()
    assert (me["email"], me["role"], me["id"]) == (person.email, "operator", person.id)
    assert (await browser.get("outages")).status_code == 200
    outage = build_outage()
    assert (await browser.post("outages", json=outage)).status_code == 201
    trail = (await browser.get(f"outages/{outage['id']}/timeline")).json()["items"]
    assert {each["actor"] for each in trail} == {person.email}
    assert (await browser.post("auth/logout")).status_code == 200
    assert "apex_session" not in browser.cookies
    assert "apex_csrf" not in browser.cookies
    assert (await browser.get("auth/me")).status_code == 401
    async with database.autocommit() as connection:
        entries = await read_trail(connection, f"person/{person.email}")
    assert [each["action"] for each in entries] == ["session.began", "session.ended"]


async def test_what_was_logged_out_is_of_no_use_to_whoever_kept_it(
    browser: Browser, other: Browser, person: Person
) -> None:
    tokens = await open_session(browser, person)
    other.cookies.update(browser.cookies)
    await browser.post("auth/logout")
    assert (await other.get("auth/me")).status_code == 401
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    other.cookies.clear()
    assert (await other.get("auth/me", headers=bearer)).status_code == 401
    said = {"refresh_token": tokens["refresh_token"]}
    assert (await other.post("auth/refresh", json=said)).status_code == 401


async def test_logging_out_of_nothing_is_fine(browser: Browser, person: Person) -> None:
    assert (await browser.post("auth/logout")).status_code == 200
    await open_session(browser, person)
    kept = dict(browser.cookies)
    await browser.post("auth/logout", json={})
    browser.cookies.update(kept)
    answer = await browser.post("auth/logout")
    assert answer.status_code == 200
    assert 'apex_session=""; HttpOnly; Max-Age=0' in answer.headers["set-cookie"]


async def test_a_change_with_the_cookie_alone_is_refused(browser: Browser, person: Person) -> None:
    """A page of somebody else's can send a form; it cannot read a cookie."""
    await open_session(browser, person)
    for token in ("", "of-nobody"):
        answer = await browser.post("outages", json=build_outage(), headers={"X-CSRF-Token": token})
        assert answer.status_code == 403
        assert "needs the header X-CSRF-Token" in answer.json()["detail"]
    assert (await browser.get("outages", headers={"X-CSRF-Token": ""})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://ui.example"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_what_needs_no_token_asks_where_the_page_is_from(
    browser: Browser, person: Person, headers: dict[str, str], status: int
) -> None:
    login = {"email": person.email, "password": PASSWORD}
    assert (await browser.post("auth/login", json=login, headers=headers)).status_code == status
    await open_session(browser, person)
    bare = headers | {"X-CSRF-Token": ""}
    saved = await browser.put("user/preferences", json={"tableDensity": "compact"}, headers=bare)
    assert saved.status_code == status
    assert (await browser.post("auth/logout", headers=bare)).status_code == status


async def test_a_page_of_our_own_may_whatever_its_address_is(
    browser: Browser, person: Person
) -> None:
    own = f"http://{browser.base_url.host}:{browser.base_url.port}"
    said = {"email": person.email, "password": PASSWORD}
    answer = await browser.post("auth/login", json=said, headers={"Origin": own})
    assert answer.status_code == 200


async def test_a_token_works_without_cookies_and_needs_no_csrf_token(
    browser: Browser, other: Browser, person: Person
) -> None:
    tokens = await open_session(browser, person)
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 600)
    assert tokens["user"]["email"] == person.email
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await other.get("auth/me", headers=bearer)).json()["id"] == person.id
    made = await other.post("outages", json=build_outage(), headers=bearer)
    assert made.status_code == 201


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30", "ä" * 10])
async def test_what_is_no_token_is_refused(browser: Browser, token: str) -> None:
    value = b"Bearer " + token.encode("latin-1")
    assert (await browser.get("auth/me", headers={"Authorization": value})).status_code == 401


async def test_sessions_are_listed_and_ended_one_by_one(
    browser: Browser, other: Browser, person: Person, database: Database
) -> None:
    await open_session(browser, person)
    await open_session(other, person)
    shown = (await browser.get("auth/sessions")).json()
    assert (shown["total_count"], shown["active_count"]) == (2, 2)
    (current,) = [each for each in shown["sessions"] if each["is_current"]]
    (second,) = [each for each in shown["sessions"] if not each["is_current"]]
    assert current["client"] == "Browser"
    stranger = await add_person(database)
    async with Browser(str(browser.base_url)) as third:
        await open_session(third, stranger)
        assert (await third.delete(f"auth/sessions/{second['id']}")).status_code == 404
    assert (await browser.delete(f"auth/sessions/{second['id']}")).status_code == 200
    assert (await other.get("auth/me")).status_code == 401
    assert (await browser.get("auth/me")).status_code == 200


async def test_logging_out_everywhere_ends_every_session(
    browser: Browser, other: Browser, person: Person
) -> None:
    await open_session(browser, person)
    await open_session(other, person)
    answer = await browser.post("auth/logout-all")
    assert (answer.status_code, answer.json()["sessions_invalidated"]) == (200, 2)
    for each in (browser, other):
        assert (await each.get("auth/me")).status_code == 401


async def test_an_admin_sees_and_ends_the_sessions_of_another(
    browser: Browser, other: Browser, person: Person, database: Database
) -> None:
    admin = await add_person(database, Role.ADMIN)
    await open_session(browser, person)
    await open_session(other, admin)
    assert (await browser.get(f"auth/admin/sessions/{admin.email}")).status_code == 403
    seen = (await other.get(f"auth/admin/sessions/{person.email}")).json()
    assert [each["email"] for each in seen["sessions"]] == [person.email]
    path = f"auth/admin/logout-all/{person.email.upper()}"
    assert (await other.post(path)).json()["sessions_invalidated"] == 1
    assert (await browser.get("auth/me")).status_code == 401
    assert (await other.get("auth/admin/sessions/nobody@example.com")).status_code == 404


async def test_a_password_that_is_changed_ends_the_other_sessions(
    browser: Browser, other: Browser, person: Person
) -> None:
    await open_session(browser, person)
    await open_session(other, person)
    path, new = "auth/me/password", "another horse battery"
    wrong = {"current_password": "x", "new_password": new}
    assert (await browser.post(path, json=wrong)).status_code == 400
    weak = {"current_password": PASSWORD, "new_password": "aaaaaaaa"}
    assert (await browser.post(path, json=weak)).status_code == 422
    right = {"current_password": PASSWORD, "new_password": new}
    changed = await browser.post(path, json=right)
    assert (changed.status_code, changed.json()["sessions_invalidated"]) == (200, 1)
    assert (await browser.get("auth/me")).status_code == 200
    assert (await other.get("auth/me")).status_code == 401
    assert (await other.log_in(person)).status_code == 400
    assert (await other.log_in(person, new)).status_code == 200


async def test_logins_at_the_same_time_are_each_a_session(person: Person, browser: Browser) -> None:
    answers = await asyncio.gather(*(browser.log_in(person) for _ in range(4)))
    assert {each.status_code for each in answers} == {200}
    assert len({each.json()["refresh_token"] for each in answers}) == 4
