"""The calls of /login, /register and the forms on /setting, and those that every page makes in the background."""

import secrets
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.testkit.access import browser as cookies
from tests.testkit.frontend.browser import Browser
from tests.testkit.frontend.shapes import TOKENS, USER, OneOf

PASSWORD = "secure123"  # as the form on /setting fills it in


@pytest.fixture
async def visitor(api: httpx.AsyncClient) -> AsyncIterator[Browser]:
    """A browser that nobody is signed in with."""
    async with cookies.Browser(str(api.base_url)) as client:
        client.headers["Accept"] = "application/json, text/plain, */*"
        yield Browser(client)


async def _register(visitor: Browser) -> dict[str, str]:
    """Register as /register does, which sends no name."""
    person = {"email": f"new-{secrets.token_hex(6)}@example.com", "password": PASSWORD}
    await visitor.call("POST", "/auth/register", USER, status=201, json=person)
    return person


async def test_who_is_not_signed_in_sees_that_the_api_is_there(visitor: Browser) -> None:
    await visitor.call("GET", "/health", {"status": str})
    for path in ("/auth/me", "/user/preferences"):
        await visitor.refuse("GET", path, 401)
    # The frontend logs out before it knows whether anybody is in.
    await visitor.call("POST", "/auth/logout")


async def test_the_login_page_needs_the_cookies_alone(visitor: Browser) -> None:
    person = await _register(visitor)
    await visitor.call("POST", "/auth/login", json=person)
    assert visitor.client.cookies.get("apex_csrf")
    found = await visitor.call("GET", "/auth/me", USER | {"role": OneOf("viewer")})
    assert found["email"] == person["email"]


async def test_a_wrong_password_is_no_session_that_has_expired(visitor: Browser) -> None:
    """A 401 would be shown as one, and after three of them the frontend stops asking."""
    person = await _register(visitor)
    wrong = person | {"password": "another horse battery"}
    assert await visitor.refuse("POST", "/auth/login", 400, json=wrong)
    assert await visitor.refuse("POST", "/auth/login", 422, json={})


async def test_the_forms_of_settings_show_what_was_answered(visitor: Browser) -> None:
    """They send the token of the login beside the cookies, and once an empty object."""
    person = {"email": f"new-{secrets.token_hex(6)}@example.com", "password": PASSWORD}
    form = person | {"full_name": "Ada", "role": "engineer"}
    made = await visitor.call("POST", "/auth/register", USER, status=201, json=form)
    tokens = await visitor.call("POST", "/auth/login", TOKENS | {"user": USER}, json=person)
    assert tokens["user"]["id"] == made["id"]
    visitor.client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    body = {"refresh_token": tokens["refresh_token"]}
    fresh = await visitor.call("POST", "/auth/refresh", {"access_token": str}, json=body)
    visitor.client.headers["Authorization"] = f"Bearer {fresh['access_token']}"
    await visitor.call("GET", "/auth/me", USER)
    await visitor.call("POST", "/auth/logout", json={})
    await visitor.refuse("GET", "/auth/me", 401)


async def test_who_logs_out_everywhere_then_logs_out_once_more(visitor: Browser) -> None:
    await visitor.call("POST", "/auth/login", json=await _register(visitor))
    await visitor.call("POST", "/auth/logout-all")
    await visitor.call("POST", "/auth/logout")
    assert "apex_session" not in visitor.client.cookies
    await visitor.refuse("GET", "/auth/me", 401)


async def test_preferences_are_saved_without_the_token_and_answered_as_json(
    visitor: Browser,
) -> None:
    await visitor.call("POST", "/auth/login", json=await _register(visitor))
    assert await visitor.call("GET", "/user/preferences", {}) == {}
    wanted = {"onboardingTourDone": True, "tableDensity": "compact"}
    visitor.client.headers["X-CSRF-Token"] = ""
    assert await visitor.call("PUT", "/user/preferences", json=wanted) == wanted
    shown = await visitor.call("GET", "/user/preferences", {"onboardingTourDone": bool})
    assert shown == wanted


async def test_the_stream_of_session_events_is_open_with_the_cookie_alone(
    visitor: Browser,
) -> None:
    await visitor.call("POST", "/auth/login", json=await _register(visitor))
    accept = {"Accept": "text/event-stream"}
    async with visitor.client.stream("GET", "/auth/events", headers=accept) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        first = await anext(answer.aiter_text())
    assert first.startswith("event: heartbeat\n")
    assert "\r" not in first
