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
