"""Who may register, what they may change of themselves, and what only an admin changes."""

import secrets

import httpx
import pytest

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from domain.access.people import Person
from domain.access.permissions import Role
from tests.testkit.access.browser import PASSWORD, Browser, add_person, open_session


def make_email() -> str:
    return f"new-{secrets.token_hex(6)}@example.com"


async def test_whoever_registers_is_a_viewer_whatever_they_ask_for(browser: Browser) -> None:
    """As the frontend's two forms do: one sends no name, the other a role."""
    for more in ({}, {"full_name": "Ada", "role": "admin"}):
        said = {"email": make_email(), "password": "secure123"} | more
        made = await browser.post("auth/register", json=said)
        assert made.status_code == 201, made.text
        assert (made.json()["email"], made.json()["role"]) == (said["email"], "viewer")
        login = {"email": said["email"], "password": "secure123"}
        assert (await browser.post("auth/login", json=login)).status_code == 200
        assert (await browser.get("outages")).status_code == 200
        assert (await browser.get("webhooks")).status_code == 403
        browser.cookies.clear()


async def test_an_address_is_one_persons_in_whatever_letters(
    browser: Browser, person: Person
) -> None:
    said = {"email": person.email.upper(), "password": "secure123"}
    refused = await browser.post("auth/register", json=said)
    assert refused.status_code == 409
    upper = {"email": f" {person.email.upper()} ", "password": PASSWORD}
    assert (await browser.post("auth/login", json=upper)).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a b@example.com"),
        ("email", f"{'x' * 100}@example.com"),
        ("password", "short"),
        ("password", "x" * 129),
        ("password", "aaaaaaaaaa"),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_name(
    browser: Browser, field: str, value: str
) -> None:
    said = {"email": make_email(), "password": "secure123"} | {field: value}
    refused = await browser.post("auth/register", json=said)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field
    assert (await browser.post("auth/login", json={})).status_code == 422


async def test_preferences_are_kept_as_they_were_sent(browser: Browser, person: Person) -> None:
    await open_session(browser, person)
    assert (await browser.get("user/preferences")).json() == {}
    wanted = {
        "onboardingTourDone": True,
        "tableDensity": "compact",
        "outageFilterPresets": [{"name": "ours", "severity": "high"}],
        "pattern": "\\u0000",
    }
    # As the frontend's other client does: without the CSRF token.
    saved = await browser.put("user/preferences", json=wanted, headers={"X-CSRF-Token": ""})
    assert (saved.status_code, saved.json()) == (200, wanted)
    assert (await browser.get("user/preferences")).json() == wanted
    for wrong in ([], "x", {"a": "x" * 20_000}, {"a": "\x00"}):
        refused = await browser.put("user/preferences", json=wrong)
        assert refused.status_code == 422
    assert (await browser.get("user/preferences")).json() == wanted


async def test_a_profile_is_ones_own(browser: Browser, person: Person) -> None:
    await open_session(browser, person)
    changed = await browser.patch("auth/me/profile", json={"full_name": "Ada L."})
    assert (changed.status_code, changed.json()["full_name"]) == (200, "Ada L.")
    assert (await browser.get("auth/me")).json()["full_name"] == "Ada L."
    wrong = await browser.patch("auth/me/profile", json={"stellar_wallet": "GNOBODY"})
    assert wrong.status_code == 422
    assert (await browser.patch("auth/me/profile", json={"role": "admin"})).status_code == 422


async def test_an_admin_gives_accounts_and_roles_and_takes_them(
    browser: Browser, other: Browser, person: Person, database: Database
) -> None:
    admin = await add_person(database, Role.ADMIN)
    await open_session(browser, admin)
    await open_session(other, person)
    email = make_email()
    said = {"email": email, "password": "secure123", "role": "finance"}
    made = await browser.post("people", json=said)
    assert (made.status_code, made.json()["role"]) == (201, "finance")
    assert email in {
        each["email"]
        for each in (await browser.get("people", params={"page_size": 200})).json()["items"]
    }
    path = f"people/{person.email}"
    assert (await other.patch(path, json={"role": "admin"})).status_code == 403
    assert (await browser.patch(path, json={"role": "viewer"})).status_code == 200
    assert (await other.get("auth/me")).json()["role"] == "viewer"
    assert (
        await browser.patch(f"people/{admin.email}", json={"role": "viewer"})
    ).status_code == 403
    assert (await browser.patch(path, json={"status": "disabled"})).status_code == 200
    assert (await other.get("auth/me")).status_code == 401
    assert (await other.log_in(person)).status_code == 400
    assert (await browser.patch("people/x@example.com", json={})).status_code == 404
    async with database.autocommit() as connection:
        entries = await read_trail(connection, f"person/{person.email}")
    changes = [each for each in entries if each["action"] == "person.changed"]
    assert [each["evidence"]["after"] for each in changes] == [
        {"role": "viewer"},
        {"status": "disabled"},
    ]
    assert {each["actor"] for each in changes} == {admin.email}


async def test_a_key_has_no_profile_and_no_session(api: httpx.AsyncClient) -> None:
    for path in ("/auth/me", "/user/preferences", "/auth/sessions", "/auth/events"):
        answer = await api.get(path)
        assert answer.status_code == 403
        assert "an API key does not have: log in" in answer.json()["detail"]
