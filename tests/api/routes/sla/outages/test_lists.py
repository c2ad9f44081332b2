"""Outages are found, sorted and paged."""

from typing import Any

import httpx
import pytest

from tests.testkit.api_client import (
    STANDARD,
    declare_outage,
    format_time_after,
    make_unique_id,
    resolve_outage,
)


@pytest.fixture(scope="module")
async def three(api: httpx.AsyncClient) -> str:
    """Three outages that share a search word that nothing else has, a minute apart; the middle one is over."""
    word = make_unique_id("word")
    for minute, severity in enumerate(("low", "high", "medium")):
        said = {"site_name": f"{word} {2 - minute}", "severity": severity, "policy": STANDARD}
        outage_id = await declare_outage(api, detected_at=format_time_after(minute), **said)
        if severity == "high":
            await resolve_outage(api, outage_id)
    return word


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["medium", "high", "low"]),
        ({"sort": "detected_at"}, ["low", "high", "medium"]),
        ({"sort": "-detected_at"}, ["medium", "high", "low"]),
        ({"sort_field": "site_name", "sort_order": "asc"}, ["medium", "high", "low"]),
        ({"sort_field": "site_name", "sort_order": "desc"}, ["low", "high", "medium"]),
        ({"severity": "high"}, ["high"]),
        ({"status": "open"}, ["medium", "low"]),
        ({"status": "resolved"}, ["high"]),
        ({"status": "cancelled"}, []),
        ({"lifecycle": "disputable"}, ["high"]),
        ({"page_size": 2}, ["medium", "high"]),
        ({"page_size": 2, "page": 2}, ["low"]),
        ({"page_size": 2, "page": 3}, []),
    ],
)
async def test_outages_are_found_sorted_and_paged(
    api: httpx.AsyncClient, three: str, wanted: dict[str, Any], expected: list[str]
) -> None:
    answer = await api.get("/outages", params={"search": three.upper()} | wanted)
    page = answer.json()
    assert [item["severity"] for item in page["items"]] == expected
    assert page["page"] == wanted.get("page", 1)
    assert page["page_size"] == wanted.get("page_size", 20)
    if "page_size" in wanted:
        assert page["total"] == 3


@pytest.mark.parametrize("wildcard", ["%", "_", "\\"])
async def test_a_wildcard_is_searched_for_as_the_letter_it_is(
    api: httpx.AsyncClient, three: str, wildcard: str
) -> None:
    answer = await api.get("/outages", params={"search": f"{three}{wildcard}0"})
    assert answer.json()["total"] == 0


async def _follow(api: httpx.AsyncClient, **wanted: Any) -> list[dict[str, Any]]:
    """Return all outages of a list, read by its cursor two at a time."""
    found, params = list[dict[str, Any]](), {"page_size": 2} | wanted
    while True:
        page = (await api.get("/outages", params=params)).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("field", ["detected_at", "severity", "status", "site_name", "id"])
@pytest.mark.parametrize("sign", ["", "-"])
async def test_a_cursor_shows_each_outage_once_in_every_ordering(
    api: httpx.AsyncClient, three: str, field: str, sign: str
) -> None:
    whole = await api.get("/outages", params={"search": three, "sort": f"{sign}{field}"})
    expected = [item["id"] for item in whole.json()["items"]]
    followed = await _follow(api, search=three, sort=f"{sign}{field}")
    assert [item["id"] for item in followed] == expected
    assert len(expected) == 3


async def test_with_a_filter_that_the_work_changes_nothing_is_skipped(
    api: httpx.AsyncClient,
) -> None:
    """Whoever resolves what is open page by page sees all of it, though every page leaves the filter."""
    word = make_unique_id("word")
    declared = {await declare_outage(api, site_name=word) for _ in range(7)}
    seen, params = set[str](), {"search": word, "status": "open", "page_size": 2}
    while True:
        page = (await api.get("/outages", params=params)).json()
        for item in page["items"]:
            await resolve_outage(api, item["id"])
            seen.add(item["id"])
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == declared


async def test_severities_and_statuses_are_sorted_in_their_own_order(
    api: httpx.AsyncClient, three: str
) -> None:
    for sort, expected in (
        ("severity", ["low", "medium", "high"]),
        ("-severity", ["high", "medium", "low"]),
        ("-status", ["high"]),
    ):
        page = (await api.get("/outages", params={"search": three, "sort": sort})).json()
        assert [item["severity"] for item in page["items"]][: len(expected)] == expected


async def test_status_and_lifecycle_must_both_hold(api: httpx.AsyncClient, three: str) -> None:
    both = {"search": three, "status": "open", "lifecycle": "disputable"}
    assert (await api.get("/outages", params=both)).json()["total"] == 0


@pytest.mark.parametrize(
    ("wanted", "total"),
    [
        ({"site": "{} 1"}, 1),
        ({"agreement": "default"}, 3),
        ({"agreement": "another"}, 0),
        ({"assigned_to": "nobody"}, 0),
        ({"date_from": format_time_after(1), "date_to": format_time_after(1)}, 1),
        ({"start_date": "2026-01-31", "end_date": "2026-01-31"}, 3),
        ({"date_from": "2026-02-01"}, 0),
    ],
)
async def test_outages_are_filtered_by_site_agreement_person_and_time(
    api: httpx.AsyncClient, three: str, wanted: dict[str, str], total: int
) -> None:
    params = {name: value.format(three) for name, value in wanted.items()}
    page = (await api.get("/outages", params={"search": three} | params)).json()
    assert page["total"] == total


async def test_violations_are_listed_by_the_newest_verdict(
    api: httpx.AsyncClient, three: str
) -> None:
    page = (await api.get("/outages/violations", params={"search": three})).json()
    assert [item["severity"] for item in page["items"]] == []
    outage_id = await declare_outage(api, site_name=f"{three} 9")
    await resolve_outage(api, outage_id)
    page = (await api.get("/outages/violations", params={"search": three})).json()
    assert [item["id"] for item in page["items"]] == [outage_id]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"sort": "colour"}, "sort"),
        ({"sort_field": "colour"}, "sort_field"),
        ({"sort": "id", "sort_by": "id"}, "sort_by"),
        ({"date_from": "2026-01-31", "start_date": "2026-01-31"}, "start_date"),
        ({"date_to": "soon"}, "date_to"),
        ({"site": "a\x00b"}, "site"),
    ],
)
async def test_a_list_that_cannot_be_is_refused_by_the_name_of_its_parameter(
    api: httpx.AsyncClient, wanted: dict[str, str], field: str
) -> None:
    answer = await api.get("/outages", params=wanted)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_a_cursor_and_a_page_exclude_each_other(api: httpx.AsyncClient, three: str) -> None:
    page = (await api.get("/outages", params={"search": three, "page_size": 1})).json()
    both = {"cursor": page["next_cursor"], "page": 2}
    assert (await api.get("/outages", params=both)).status_code == 422
