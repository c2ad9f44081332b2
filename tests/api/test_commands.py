"""What operators send past the API, as plain JSON: carried out, or noted and forgotten."""

from typing import Any

import httpx
from temporalio.client import Client

from tests.testkit.api_client import (
    declare_outage,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)

REQUEST = {"actor": "operator", "correlation_id": "ticket-4711"}


async def _signal(temporal: Client, outage_id: str, name: str, **message: Any) -> None:
    handle = temporal.get_workflow_handle(f"outage/{outage_id}")
    await handle.signal(name, {"request": REQUEST} | message)


async def _noted(temporal: Client, outage_id: str, what: str) -> None:
    handle = temporal.get_workflow_handle(f"outage/{outage_id}")

    async def look() -> bool:
        return any(what in str(entry["what"]) for entry in await handle.query("timeline"))

    await wait_until(look, f"the workflow notes {what!r}")


async def test_an_outage_is_resolved_by_a_signal(api: httpx.AsyncClient, temporal: Client) -> None:
    outage_id = await declare_outage(api)
    await _signal(temporal, outage_id, "resolve", resolved_at="2026-01-31T12:25:00Z")
    shown = await wait_for_lifecycle(api, outage_id, "disputable")
    assert shown["sla_status"]["amount"] == -1000
    timeline = (await api.get(f"/outages/{outage_id}/timeline")).json()["items"]
    assert (timeline[-1]["actor"], timeline[-1]["correlation_id"]) == (
        "unverified:operator",
        "ticket-4711",
    )


async def test_a_dispute_is_ruled_on_by_a_signal(api: httpx.AsyncClient, temporal: Client) -> None:
    outage_id = await declare_outage(api)
    await resolve_outage(api, outage_id)
    objection = {"outage_id": outage_id, "reason": "not ours"}
    dispute = (await api.post("/sla/disputes", json=objection)).json()
    decision = {"dispute_id": dispute["id"], "upheld": True, "mttr_minutes": 8}
    await _signal(temporal, outage_id, "resolve_dispute", **decision)
    closed = await wait_for_lifecycle(api, outage_id, "closed")
    assert closed["sla_status"]["rating"] == "excellent"


async def test_an_outage_is_called_off_by_a_signal(
    api: httpx.AsyncClient, temporal: Client
) -> None:
    outage_id = await declare_outage(api)
    await _signal(temporal, outage_id, "cancel", reason="planned work")
    await wait_for_lifecycle(api, outage_id, "cancelled")


async def test_a_signal_that_cannot_be_is_noted_and_holds_nothing_up(
    api: httpx.AsyncClient, temporal: Client
) -> None:
    outage_id = await declare_outage(api)
    await _signal(temporal, outage_id, "resolve", resolved_at="2026-01-31T12:25:00")
    await _noted(temporal, outage_id, "signal ignored: resolved_at: must carry a time zone")
    await _signal(temporal, outage_id, "resolve", mttr_minutes=25, root_cause="a\x00b")
    await _noted(temporal, outage_id, "signal ignored: root_cause: must not contain a null byte")
    await _signal(temporal, outage_id, "cancel", reason="a\x00b")
    await _noted(temporal, outage_id, "signal ignored: the database cannot hold this value")
    assert (await resolve_outage(api, outage_id))["sla"]["amount"] == -1000
