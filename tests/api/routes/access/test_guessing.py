"""Whoever guesses waits longer each time, learns nothing, and keeps nobody else out."""

import secrets
from statistics import median
from time import perf_counter

import httpx
from sqlalchemy import text

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from domain.access.people import Person
from tests.testkit.access.browser import PASSWORD, Browser, open_session


async def guess(browser: Browser, email: str, password: str = "wrong") -> httpx.Response:
    return await browser.post("auth/login", json={"email": email, "password": password})


def strip(answer: httpx.Response) -> dict[str, str]:
    return {key: value for key, value in answer.json().items() if key != "correlation_id"}


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(
    browser: Browser, other: Browser, person: Person
) -> None:
    wrong = await guess(browser, person.email)
    unknown = await guess(other, f"{secrets.token_hex(4)}@example.com")
    assert wrong.status_code == unknown.status_code == 400
    assert strip(wrong) == strip(unknown)
    assert wrong.json()["detail"] == "the e-mail address or the password is wrong"
    for email in ("no-address", "", "x" * 320, person.email):
        answer = await guess(browser, email, "y" * 1000)
        assert answer.status_code in {400, 429}


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    api: httpx.AsyncClient, person: Person
) -> None:
    took: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(6):
        for known in (True, False):
            async with Browser(str(api.base_url)) as browser:
                email = person.email if known else f"{secrets.token_hex(8)}@example.com"
                began = perf_counter()
                assert (await guess(browser, email)).status_code == 400
                took[known].append(perf_counter() - began)
    # Without a hash it would be a tenth of that.
    assert median(took[False]) > median(took[True]) / 2


async def test_whoever_guesses_waits_and_the_owner_elsewhere_does_not(
    browser: Browser, other: Browser, person: Person, database: Database
) -> None:
    for _ in range(3):
        assert (await guess(browser, person.email)).status_code == 400
    refused = await guess(browser, person.email, PASSWORD)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert "wait 1 second" in refused.json()["detail"]
    assert (await other.log_in(person)).status_code == 200
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE login_failures SET failures = 9"))
        await connection.execute(
            text("UPDATE login_failures SET last_at = last_at - interval '65 seconds'")
        )
    assert (await guess(browser, person.email)).status_code == 400
    refused = await guess(browser, person.email)
    assert int(refused.headers["Retry-After"]) > 100
    async with database.autocommit() as connection:
        entries = await read_trail(connection, f"person/{person.email}")
    assert "login.guessed" in {each["action"] for each in entries}


async def test_a_browser_that_is_known_does_not_wait_for_a_guesser_beside_it(
    api: httpx.AsyncClient, person: Person
) -> None:
    """Both come from the address of one office."""
    place = f"10.9.{secrets.randbelow(255)}.7"
    async with Browser(str(api.base_url), place) as owner, Browser(str(api.base_url), place) as bad:
        await open_session(owner, person)
        await owner.post("auth/logout")
        for _ in range(4):
            await guess(bad, person.email)
        assert (await guess(bad, person.email, PASSWORD)).status_code == 429
        assert (await owner.log_in(person)).status_code == 200


async def test_the_right_password_makes_failures_forgotten(
    browser: Browser, person: Person
) -> None:
    for _ in range(2):
        for _ in range(2):
            assert (await guess(browser, person.email)).status_code == 400
        assert (await browser.log_in(person)).status_code == 200
        browser.cookies.clear()


async def test_an_address_has_so_many_logins_a_minute(browser: Browser) -> None:
    answers = [await guess(browser, f"{secrets.token_hex(8)}@example.com") for _ in range(31)]
    assert {each.status_code for each in answers[:30]} == {400}
    last = answers[-1]
    assert last.status_code == 429
    assert last.headers["RateLimit-Policy"] == '"logins";q=30;w=60'
    left, reset = last.headers["RateLimit"].split(";")[1:]
    assert (left, reset) == ("r=0", f"t={last.headers['Retry-After']}")


async def test_a_login_says_how_many_are_left(browser: Browser, person: Person) -> None:
    answer = await browser.log_in(person)
    assert answer.headers["RateLimit"].startswith('"logins";r=29;t=')


async def test_wrong_keys_are_limited_and_the_right_one_beside_them_is_not(
    browser: Browser, api: httpx.AsyncClient
) -> None:
    statuses = [
        (await browser.get("outages", headers={"X-API-Key": f"wrong-{n}"})).status_code
        for n in range(62)
    ]
    assert statuses == [401] * 60 + [429] * 2
    refused = await browser.get("outages", headers={"X-API-Key": "wrong"})
    assert refused.headers["RateLimit-Policy"] == '"wrong-keys";q=60;w=60'
    right = {"X-API-Key": api.headers["X-API-Key"]}
    assert (await browser.get("outages", headers=right)).status_code == 200
    assert (await browser.get("outages")).status_code == 401
