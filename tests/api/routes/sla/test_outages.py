"""An outage as its callers see it: declared, corrected, resolved, listed."""

import asyncio
from typing import Any

import httpx
import pytest

from devstack.environment.stack import Stack
from tests.testkit.api_client import (
    STANDARD,
    build_outage,
    declare_outage,
    format_time_after,
    make_unique_id,
    resolve_outage,
    wait_for_lifecycle,
)


async def test_a_declared_outage_is_on_record_with_everything_that_was_said(
    api: httpx.AsyncClient,
) -> None:
    said = build_outage(
        site_id="TWR-7",
        description="no power at the mast",
        affected_services=["lte", "voice"],
        affected_subscribers=1200,
        assigned_to="field crew 2",
        location={"latitude": 51.5, "longitude": -0.1},
    )
    answer = await api.post("/outages", json=said)
    assert answer.status_code == 201
    shown = answer.json()
    del said["detected_at"]
    assert said.items() <= shown.items()
    assert shown["detected_at"] == "2026-01-31T12:00:00Z"
    assert (shown["status"], shown["lifecycle"]) == ("open", "declared")
    assert shown["policy_version"] == 1
    assert shown["sla_status"] is None
    assert (await api.get(f"/outages/{said['id']}")).json() == shown


async def test_declaring_the_same_again_is_the_same_outage(api: httpx.AsyncClient) -> None:
    said = build_outage()
    first = await api.post("/outages", json=said)
    again = await api.post("/outages", json=said)
    # The same instant in another time zone is the same content.
    elsewhere = await api.post("/outages", json=said | {"detected_at": "2026-01-31T17:45:00+05:45"})
    assert [first.status_code, again.status_code, elsewhere.status_code] == [201, 200, 200]
    assert first.json() == again.json() == elsewhere.json()


async def test_ten_callers_at_once_declare_one_outage(api: httpx.AsyncClient) -> None:
    said = build_outage()
    answers = await asyncio.gather(*(api.post("/outages", json=said) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]


async def test_other_content_under_the_same_id_is_refused(api: httpx.AsyncClient) -> None:
    said = build_outage()
    await api.post("/outages", json=said)
    answer = await api.post("/outages", json=said | {"severity": "low"})
    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        f"outage {said['id']!r} was declared before with different content; use another id"
    )
    assert (await api.get(f"/outages/{said['id']}")).json()["severity"] == "critical"


async def test_an_outage_may_be_declared_when_it_is_over(api: httpx.AsyncClient) -> None:
    said = build_outage(status="resolved", resolved_at=format_time_after(25))
    answer = await api.post("/outages", json=said)
    assert answer.status_code == 201
    assert answer.json()["status"] == "resolved"
    assert answer.json()["sla_status"]["amount"] == -1000
    again = await api.post("/outages", json=said)
    assert (again.status_code, again.json()) == (200, answer.json())


async def test_a_repair_is_judged_by_its_instants(api: httpx.AsyncClient, stack: Stack) -> None:
    outage_id = await declare_outage(api)
    judged = await resolve_outage(api, outage_id, 25.99)
    assert judged["sla"] == {
        "status": "violated",
        "mttr_minutes": 25,
        "threshold_minutes": 15,
        "amount": -1000,
        "amount_stroops": "-10000000000",
        "payment_type": "penalty",
        "rating": "poor",
        "revision": 1,
        "attestation": None,
    }
    shown = judged["outage"]
    assert (shown["status"], shown["lifecycle"]) == ("resolved", "disputable")
    assert shown["sla_status"] == judged["sla"]
    assert shown["dispute_deadline"] > shown["declared_at"]
    expected = {
        "outage_id": outage_id,
        "status": "pending",
        "type": "penalty",
        "amount": 1000,
        "asset_code": "USDC",
        "from_address": stack.environment["STELLAR_BOND_ADDRESS"],
        "to_address": stack.environment["STELLAR_BENEFICIARY_ADDRESS"],
        "transaction_hash": None,
    }
    assert expected.items() <= judged["payment"].items()


async def test_stated_minutes_win_over_measured_ones(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    answer = await api.post(
        f"/outages/{outage_id}/resolve",
        json={"mttr_minutes": 7, "resolved_at": format_time_after(90), "root_cause": "fibre cut"},
    )
    assert answer.json()["sla"]["rating"] == "exceptional"
    assert answer.json()["outage"]["resolved_at"] == "2026-01-31T13:30:00Z"
    assert answer.json()["outage"]["root_cause"] == "fibre cut"


async def test_minutes_alone_give_the_instant_of_the_repair(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    answer = await api.post(f"/outages/{outage_id}/resolve", json={"mttr_minutes": 30})
    assert answer.json()["outage"]["resolved_at"] == "2026-01-31T12:30:00Z"


async def test_an_outage_is_resolved_once(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id, 25)
    answer = await api.post(f"/outages/{outage_id}/resolve", json={"mttr_minutes": 1})
    assert answer.status_code == 409
    assert answer.json()["detail"] == (f"outage {outage_id!r} is disputable and cannot be resolved")
    assert (await api.get(f"/outages/{outage_id}")).json()["sla_status"]["mttr_minutes"] == 25


async def test_an_open_outage_may_be_corrected(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    change: dict[str, Any] = {"severity": "low", "assigned_to": None, "affected_services": ["lte"]}
    answer = await api.put(f"/outages/{outage_id}", json=change)
    assert answer.status_code == 200
    assert change.items() <= answer.json().items()
    assert answer.json()["site_name"] == "Tower 7"
    # The verdict rests on the corrected severity.
    assert (await resolve_outage(api, outage_id, 25))["sla"]["threshold_minutes"] == 120


async def test_only_the_story_of_a_judged_outage_may_be_corrected(
    api: httpx.AsyncClient,
) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    story = {"root_cause": "storm", "resolution_notes": "new mast"}
    answer = await api.put(f"/outages/{outage_id}", json=story)
    assert story.items() <= answer.json().items()
    refusal = await api.put(f"/outages/{outage_id}", json={"severity": "low"})
    assert refusal.status_code == 409
    assert refusal.json()["detail"] == (
        "severity: may not be changed while the outage is disputable"
    )


async def test_a_correction_may_resolve(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    change = {"root_cause": "storm", "status": "resolved", "mttr_minutes": 8}
    shown = (await api.put(f"/outages/{outage_id}", json=change)).json()
    assert (shown["status"], shown["root_cause"]) == ("resolved", "storm")
    assert shown["sla_status"]["rating"] == "excellent"
    # What has happened may be said again, but not differently.
    same = await api.put(f"/outages/{outage_id}", json={"status": "resolved", "description": "x"})
    assert (same.status_code, same.json()["description"]) == (200, "x")
    assert (await api.put(f"/outages/{outage_id}", json=change)).status_code == 409


async def test_an_impossible_end_leaves_the_outage_uncorrected(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    change = {"description": "x", "status": "resolved", "resolved_at": format_time_after(-1)}
    answer = await api.put(f"/outages/{outage_id}", json=change)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "resolved_at"
    assert (await api.get(f"/outages/{outage_id}")).json()["description"] == ""


async def test_what_was_no_outage_is_called_off(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    answer = await api.post(f"/outages/{outage_id}/cancel", json={"reason": "planned work"})
    assert answer.status_code == 202
    shown = await wait_for_lifecycle(api, outage_id, "cancelled")
    assert (shown["status"], shown["sla_status"]) == ("cancelled", None)
    refusal = await api.post(f"/outages/{outage_id}/resolve", json={"mttr_minutes": 1})
    assert refusal.status_code == 409
    assert "is cancelled" in refusal.json()["detail"]


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
