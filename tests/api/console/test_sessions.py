"""Somebody logs in to the pages, is led where they wanted to go, and logs out; nobody else gets in."""

import pytest
from sqlalchemy import text

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from domain.access.permissions import Role
from tests.api.console.conftest import OpenPages
from tests.testkit.access.browser import PASSWORD, add_person
from tests.testkit.console.page_browser import POLICY, PageBrowser


async def test_who_is_not_logged_in_is_led_to_the_login_and_back(
    stranger: PageBrowser, database: Database
) -> None:
    person = await add_person(database, Role.OPERATOR)
    wanted = "/console/outages?severity=high&sort=-detected_at"
    await stranger.open(wanted)
    assert stranger.path.startswith("/console/login?next=")
    await stranger.submit("/login", email=person.email, password=PASSWORD)
    assert (stranger.status, stranger.path) == (200, wanted)
    assert stranger.client.cookies.get("apex_session")
    assert person.email in stranger.page.words
    # The API takes the very same session.
    me = await stranger.client.get("/api/v1/auth/me")
    assert me.json()["email"] == person.email


async def test_logging_out_ends_the_session_and_takes_the_cookies(
    pages: OpenPages, database: Database
) -> None:
    browser = await pages(Role.VIEWER)
    (email,) = [word for word in browser.page.words.split() if "@" in word]
    kept = dict(browser.client.cookies)
    await browser.submit("/logout")
    assert browser.path == "/console/login"
    assert not browser.client.cookies.get("apex_session")
    browser.client.cookies.update(kept)
    await browser.open("/console")
    assert browser.path.startswith("/console/login")
    async with database.autocommit() as connection:
        entries = await read_trail(connection, f"person/{email}")
    assert [each["action"] for each in entries] == ["session.began", "session.ended"]


async def test_a_wrong_login_is_answered_as_the_api_answers_it_and_throttled(
    stranger: PageBrowser, database: Database
) -> None:
    person = await add_person(database, Role.VIEWER)
    await stranger.open("/console/login")
    for _ in range(3):
        await stranger.submit("/login", email=person.email, password="wrong horse battery")
        assert stranger.status == 400
    assert stranger.page.refusal == "the e-mail address or the password is wrong"
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE login_failures SET failures = 9"))
    said = {"email": person.email, "password": "wrong horse battery"}
    api = await stranger.client.post("/api/v1/auth/login", json=said)
    assert api.status_code == 429
    await stranger.submit("/login", email=person.email, password=PASSWORD)
    assert stranger.status == 429
    assert "too many failed logins" in stranger.page.refusal
    assert stranger.answer is not None
    assert int(stranger.answer.headers["retry-after"]) > 0
    assert stranger.page.find_form("/login").fields["email"] == person.email
    assert stranger.page.find_form("/login").fields["password"] == ""


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/console",
        "//evil.example/console",
        "/console//evil.example",
        "/console/../api/v1/outages",
        "/console\\evil",
        "/api/v1/outages",
        "/consoles",
        "javascript:alert(1)",
        "/console?x=%0d%0aSet-Cookie:a=b\r\nX: y",
    ],
)
async def test_a_login_leads_nowhere_but_to_pages_of_its_own(
    wanted: str, stranger: PageBrowser, database: Database
) -> None:
    person = await add_person(database, Role.VIEWER)
    said = {"email": person.email, "password": PASSWORD, "next": wanted}
    answer = await stranger.client.post("/console/login", data=said)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    # Who is logged in already is led on by the same rule.
    again = await stranger.client.get("/console/login", params={"next": wanted})
    assert (again.status_code, again.headers["location"]) == (303, "/console")


async def test_a_login_from_a_page_of_another_origin_is_refused(
    stranger: PageBrowser, database: Database
) -> None:
    person = await add_person(database, Role.VIEWER)
    said = {"email": person.email, "password": PASSWORD}
    headers = {"Origin": "https://evil.example"}
    answer = await stranger.client.post("/console/login", data=said, headers=headers)
    assert answer.status_code == 403
    assert "evil.example may not do this" in answer.text
    assert not stranger.client.cookies


async def test_what_pages_are_made_of_is_served_to_everybody(stranger: PageBrowser) -> None:
    for path, kind in (("/console/style.css", "text/css"), ("/console/icon.svg", "image/svg+xml")):
        answer = await stranger.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-security-policy"] == POLICY
        assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        tag = {"If-None-Match": answer.headers["etag"]}
        assert (await stranger.client.get(path, headers=tag)).status_code == 304


async def test_what_is_not_there_and_what_cannot_be_asked_is_said_on_a_page(
    pages: OpenPages,
) -> None:
    browser = await pages(Role.VIEWER)
    for path, status, words in (
        ("/console/outages/NOT-THERE", 404, "outage 'NOT-THERE' does not exist"),
        ("/console/nothing", 404, "There is nothing here"),
        ("/console/outages?severity=grave", 422, "severity: must be"),
        ("/console/outages?colour=red", 422, "colour: is not a parameter of this route"),
        ("/console/outages?cursor=x", 422, "cursor: is not a cursor of this list"),
        ("/console/circuit-breaker", 405, "this path does not take GET"),
    ):
        await browser.open(path)
        assert browser.status == status, path
        assert words in browser.page.words
        assert "correlation id" in browser.page.words
    head = await browser.client.head("/console/nothing")
    assert (head.status_code, head.content) == (404, b"")
