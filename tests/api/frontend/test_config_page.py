"""The calls of /config: the terms of four severities, of which an admin changes one at a time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.testkit.frontend.browser import Browser
from tests.testkit.frontend.shapes import CONFIG, SEVERITIES, SLA_STATUS, TERMS


@pytest.fixture(autouse=True)
async def restored(browser: Browser) -> AsyncIterator[None]:
    """The stack that all tests share has its terms again afterwards."""
    before = await browser.call("GET", "/sla/config", CONFIG)
    yield
    token = (await browser.call("GET", "/sla/config/token"))["token"]
    await browser.call("PUT", "/sla/config", CONFIG, json=before, params={"expected_token": token})


async def test_the_config_has_exactly_four_severities(browser: Browser) -> None:
    found = await browser.call("GET", "/sla/config", CONFIG)
    assert list(found) == list(SEVERITIES)
    for severity in SEVERITIES:
        assert await browser.call("GET", f"/sla/config/{severity}", TERMS) == found[severity]


async def test_new_terms_hold_at_once_and_are_a_new_version(browser: Browser) -> None:
    versions = await browser.call("GET", "/sla/config/history")
    terms = {"threshold_minutes": 20, "penalty_per_minute": 120, "reward_base": 800}
    assert await browser.call("PUT", "/sla/config/critical", TERMS, json=terms) == terms
    found = await browser.call("GET", "/sla/config", CONFIG)
    assert found["critical"] == terms
    body = {"severity": "critical", "mttr_minutes": 21}
    shown = await browser.call("POST", "/sla/preview", SLA_STATUS, json=body)
    assert (shown["amount"], shown["threshold_minutes"]) == (-120, 20)
    newest, *older = await browser.call("GET", "/sla/config/history")
    assert older == versions
    assert newest["version"] == versions[0]["version"] + 1
    assert newest["published_by"].startswith("admin-")
    # The same again is no new version.
    await browser.call("PUT", "/sla/config/critical", TERMS, json=terms)
    assert len(await browser.call("GET", "/sla/config/history")) == len(versions) + 1


async def test_an_outage_keeps_the_terms_it_was_detected_under(browser: Browser) -> None:
    outage: dict[str, Any] = {
        "id": "OUT-terms-0001",
        "site_name": "Tower 7",
        "severity": "critical",
        "detected_at": "2026-01-31T12:00:00Z",
    }
    await browser.call("POST", "/outages", status=201, json=outage)
    terms = {"threshold_minutes": 20, "penalty_per_minute": 120, "reward_base": 800}
    await browser.call("PUT", "/sla/config/critical", TERMS, json=terms)
    path = f"/outages/{outage['id']}/resolve"
    judged = await browser.call("POST", path, json={"mttr_minutes": 25})
    assert judged["sla"]["amount"] == -1000
    (result,) = await browser.call("GET", f"/sla/results/{outage['id']}", [SLA_STATUS])
    assert (result["amount"], result["revision"], result["mttr_basis"]) == (-1000, 1, "stated")


async def test_with_a_token_only_known_terms_are_changed(browser: Browser) -> None:
    known = await browser.call("GET", "/sla/config/high/token", {"severity": str, "token": str})
    params = {"expected_token": known["token"]}
    terms = {"threshold_minutes": 31, "penalty_per_minute": 50, "reward_base": 750}
    await browser.call("PUT", "/sla/config/high", TERMS, json=terms, params=params)
    other = terms | {"threshold_minutes": 32}
    detail = await browser.refuse("PUT", "/sla/config/high", 409, json=other, params=params)
    assert "changed meanwhile" in detail
    # Of another severity nothing has changed.
    low = await browser.call("GET", "/sla/config/low", TERMS)
    token = (await browser.call("GET", "/sla/config/low/token"))["token"]
    await browser.call("PUT", "/sla/config/low", json=low, params={"expected_token": token})


async def test_of_ten_who_change_the_whole_config_one_is_first(browser: Browser) -> None:
    config = await browser.call("GET", "/sla/config", CONFIG)
    token = (await browser.call("GET", "/sla/config/token"))["token"]

    async def change(n: int) -> int:
        terms = config["low"] | {"threshold_minutes": 130 + n}
        answer = await browser.client.put(
            "/sla/config", json=config | {"low": terms}, params={"expected_token": token}
        )
        return answer.status_code

    assert sorted(await asyncio.gather(*map(change, range(10)))) == [200, *[409] * 9]


async def test_changes_of_different_severities_at_once_are_all_kept(browser: Browser) -> None:
    config = await browser.call("GET", "/sla/config", CONFIG)

    async def change(severity: str) -> None:
        terms = config[severity] | {"threshold_minutes": 11}
        await browser.call("PUT", f"/sla/config/{severity}", TERMS, json=terms)

    await asyncio.gather(*map(change, SEVERITIES))
    found = await browser.call("GET", "/sla/config", CONFIG)
    assert [found[severity]["threshold_minutes"] for severity in SEVERITIES] == [11] * 4


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"threshold_minutes": 0}, "threshold_minutes"),
        ({"threshold_minutes": 61}, "threshold_minutes"),
        ({"penalty_per_minute": 49}, "penalty_per_minute"),
        ({"reward_base": 150}, "reward_base"),
        ({"threshold_minutes": 15.5}, "threshold_minutes"),
        ({"bonus": 1}, "bonus"),
    ],
)
async def test_impossible_terms_are_refused(
    browser: Browser, change: dict[str, float], field: str
) -> None:
    terms = {"threshold_minutes": 15, "penalty_per_minute": 100, "reward_base": 750} | change
    detail = await browser.refuse("PUT", "/sla/config/critical", 422, json=terms)
    assert detail.startswith(f"{field}: ")


async def test_only_an_admin_changes_the_config(browser: Browser, colleague: Browser) -> None:
    terms = await browser.call("GET", "/sla/config/low", TERMS)
    assert await colleague.call("GET", "/sla/config/low", TERMS) == terms
    await colleague.refuse("PUT", "/sla/config/low", 403, json=terms)
