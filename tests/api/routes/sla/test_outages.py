"""An outage as its callers see it: declared, corrected, resolved, listed."""

import asyncio

import httpx

from devstack.environment.stack import Stack
from tests.testkit.api_client import (
    build_outage,
    declare_outage,
    format_time_after,
    resolve_outage,
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


async def test_ten_callers_at_once_declare_one_outage_that_is_over(api: httpx.AsyncClient) -> None:
    """As one does who is answered 503 and repeats it, while the first request is carried out after all."""
    over = {"status": "resolved", "resolved_at": format_time_after(25)}
    said = build_outage() | over
    answers = await asyncio.gather(*(api.post("/outages", json=said) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert {answer.json()["resolved_at"] for answer in answers} == {"2026-01-31T12:25:00Z"}
    other = await api.post("/outages", json=said | {"resolved_at": format_time_after(26)})
    assert other.status_code == 409
    assert other.json()["detail"] == f"outage {said['id']!r} was resolved before with another end"


async def test_ten_callers_at_once_end_an_outage_in_the_same_way(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    over = {"status": "resolved", "resolved_at": format_time_after(25)}
    answers = await asyncio.gather(
        *(api.put(f"/outages/{outage_id}", json=over) for _ in range(10))
    )
    assert [answer.status_code for answer in answers] == [200] * 10
    other = await api.put(
        f"/outages/{outage_id}", json=over | {"resolved_at": format_time_after(26)}
    )
    assert other.status_code == 409
    assert other.json()["detail"].endswith("its times can no longer change")


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


async def test_stated_minutes_win_over_measured_ones_that_agree(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    path = f"/outages/{outage_id}/resolve"
    stated = {"mttr_minutes": 7, "root_cause": "fibre cut"}
    refusal = await api.post(path, json=stated | {"resolved_at": format_time_after(90)})
    assert refusal.status_code == 422
    assert refusal.json()["errors"][0]["field"] == "mttr_minutes"
    answer = await api.post(path, json=stated | {"resolved_at": format_time_after(7.99)})
    assert answer.json()["sla"]["rating"] == "exceptional"
    assert answer.json()["outage"]["resolved_at"] == "2026-01-31T12:07:59.400000Z"
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
