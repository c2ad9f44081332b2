"""An outage is corrected while it is open, and cancelled when it was none."""

from typing import Any

import httpx

from tests.testkit.api_client import (
    declare_outage,
    format_time_after,
    resolve_outage,
    settle_outage,
    wait_for_lifecycle,
)


async def test_an_open_outage_may_be_corrected(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    change: dict[str, Any] = {"severity": "low", "assigned_to": None, "affected_services": ["lte"]}
    answer = await api.put(f"/outages/{outage_id}", json=change)
    assert answer.status_code == 200
    assert change.items() <= answer.json().items()
    assert answer.json()["site_name"] == "Tower 7"
    # The verdict rests on the corrected severity.
    assert (await resolve_outage(api, outage_id, 25))["sla"]["threshold_minutes"] == 120


async def test_only_cause_and_notes_of_a_judged_outage_may_be_corrected(
    api: httpx.AsyncClient,
) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    corrections = {"root_cause": "storm", "resolution_notes": "new mast"}
    answer = await api.put(f"/outages/{outage_id}", json=corrections)
    assert corrections.items() <= answer.json().items()
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
    assert (await api.put(f"/outages/{outage_id}", json=change)).status_code == 200
    for other in ({"mttr_minutes": 9}, {"resolved_at": format_time_after(9)}):
        answer = await api.put(f"/outages/{outage_id}", json=change | other)
        assert answer.status_code == 409
    assert (await api.put(f"/outages/{outage_id}", json={"status": "open"})).status_code == 409


async def test_the_notes_of_a_closed_outage_may_still_be_changed(api: httpx.AsyncClient) -> None:
    closed = await settle_outage(api)
    notes = {"root_cause": "storm", "site_name": closed["site_name"], "status": "resolved"}
    answer = await api.put(f"/outages/{closed['id']}", json=notes)
    assert (answer.status_code, answer.json()["root_cause"]) == (200, "storm")
    refusal = await api.put(f"/outages/{closed['id']}", json={"severity": "low"})
    assert refusal.status_code == 409
    steps = (await api.get(f"/outages/{closed['id']}/timeline")).json()["items"]
    assert steps[-1]["step"] == "outage.amended"


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
