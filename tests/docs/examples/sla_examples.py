"""Outages, disputes, policies, audit and events."""

import httpx

from devstack.environment.stack import Stack
from tests.docs.examples.example_recorder import ExampleRecorder
from tests.testkit.api_client import TERMS, format_time_after, wait_until
from tests.testkit.sla.agreement_factory import make_payee

DECLARED = {"id": "OUT-1", "site_name": "Tower 7", "severity": "critical"}
AT_ONCE = {
    "name": "at-once",
    "dispute_window_seconds": 0,
    "decision_window_seconds": 0,
    "terms": TERMS,
}
ROWS = "service_id,start_time,end_time\nVOICE,2026-01-31T12:00:00Z,2026-01-31T12:25:00Z\n"


async def show_policies(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask = recorder.ask
    await ask(admin, "POST /sla/policies", AT_ONCE)
    await ask(admin, "GET /sla/policies")
    await ask(admin, "GET /sla/policies/{name}/{version}", name="standard", version="1")
    await ask(admin, "POST /sla/preview", {"severity": "critical", "mttr_minutes": 25})
    token = (await ask(admin, "GET /sla/config/token"))["token"]
    config = await ask(admin, "GET /sla/config")
    await ask(admin, "PUT /sla/config", config, params={"expected_token": token})
    await ask(admin, "GET /sla/config/history")
    one = {"severity": "low"}
    await ask(admin, "GET /sla/config/{severity}", **one)
    await ask(admin, "GET /sla/config/{severity}/token", **one)
    await ask(admin, "PUT /sla/config/{severity}", TERMS["low"], **one)


async def show_outages(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask, one = recorder.ask, {"outage_id": "OUT-1"}
    declared = DECLARED | {"detected_at": format_time_after()}
    await ask(admin, "POST /outages", declared)
    await ask(admin, "PATCH /outages/{outage_id}", {"assigned_to": "rita@example.com"}, **one)
    await ask(admin, "PUT /outages/{outage_id}", {"description": "power"}, **one)
    await ask(admin, "POST /outages/{outage_id}/resolve", {"mttr_minutes": 25}, **one)
    await ask(admin, "POST /outages/{outage_id}/recompute-sla", **one)
    await ask(admin, "GET /outages/{outage_id}", **one)
    await ask(admin, "GET /outages/{outage_id}/timeline", **one)
    found = {"severity": "critical", "search": "tower", "sort": "-detected_at"}
    await ask(admin, "GET /outages", params=found)
    for name in ("violations", "bulk/history", "export"):
        await ask(admin, f"GET /outages/{name}")
    await ask(admin, "POST /outages/bulk", files={"file": ("rows.csv", ROWS, "text/csv")})
    for id_, route, body in (
        ("OUT-8", "POST /outages/{outage_id}/cancel", {"reason": "a test"}),
        ("OUT-9", "DELETE /outages/{outage_id}", None),
    ):
        await ask(admin, "POST /outages", declared | {"id": id_})
        await ask(admin, route, body, outage_id=id_)
    await ask(admin, "GET /sla/results/{outage_id}", **one)
    calculated = {**one, "severity": "critical", "mttr_minutes": 25}
    await ask(admin, "GET /sla/calculate", params=calculated)
    await show_analytics(recorder, admin)


async def show_analytics(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask, days = recorder.ask, {"date_from": "2026-01-31", "date_to": "2026-01-31"}
    for name in ("analytics/dashboard", "analytics/mttr", "performance/aggregation"):
        await ask(admin, f"GET /sla/{name}", params=days)
    zone = {"tz": "Europe/Berlin", "bucket": "week", "severity": "critical"}
    await ask(admin, "GET /sla/analytics/trends", params=days | zone)
    await ask(admin, "GET /sla/analytics/exposure")
    await ask(admin, "GET /sla/analytics/forecast", params={"period": "month"})
    taken = {"snapshot_id": (await ask(admin, "POST /sla/analytics/snapshots"))["id"]}
    await ask(admin, "GET /sla/analytics/snapshots")
    for route in ("", "/verify", "/reconcile"):
        await ask(admin, f"GET /sla/analytics/snapshots/{{snapshot_id}}{route}", **taken)
    one = {"agreement": "default"}
    await ask(admin, "PUT /agreements/{agreement}/time-zone", {"time_zone": "Europe/Berlin"}, **one)
    await ask(admin, "GET /agreements/{agreement}/time-zone", **one)
    month = {"month_from": "2026-01", "month_to": "2026-01"}
    await ask(admin, "GET /agreements/{agreement}/uptime", params=month, **one)


async def show_disputes(
    recorder: ExampleRecorder, admin: httpx.AsyncClient, decider: httpx.AsyncClient
) -> None:
    ask = recorder.ask
    filed = {"outage_id": "OUT-1", "reason": "the power came back after five minutes"}
    one = {"dispute_id": (await ask(admin, "POST /sla/disputes", filed))["id"]}
    await ask(admin, "GET /sla/disputes", params={"status": "open"})
    await ask(admin, "GET /sla/disputes/{dispute_id}", **one)
    await ask(decider, "PATCH /sla/disputes/{dispute_id}", {"action": "review"}, **one)
    await ask(admin, "GET /sla/disputes/{dispute_id}/history", **one)
    await ask(admin, "POST /sla/disputes/{dispute_id}/withdraw", {"note": "settled"}, **one)


async def show_reversals(
    recorder: ExampleRecorder, admin: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    """What is taken back before it is paid: a verdict by whoever resolves, a debt by another admin."""
    ask, one = recorder.ask, {"outage_id": "OUT-7"}
    declared = DECLARED | {"id": "OUT-7", "detected_at": format_time_after(), "policy": "standard"}
    await ask(admin, "POST /outages", declared)
    await ask(admin, "POST /outages/{outage_id}/resolve", {"mttr_minutes": 25}, **one)
    await ask(admin, "POST /outages/{outage_id}/reopen", {"reason": "it was down again"}, **one)
    await ask(admin, "POST /outages/{outage_id}/resolve", {"mttr_minutes": 26}, **one)
    await ask(other, "POST /outages/{outage_id}/void", {"reason": "a drill"}, **one)


async def show_agreements(
    recorder: ExampleRecorder, admin: httpx.AsyncClient, stack: Stack
) -> None:
    ask, payee = recorder.ask, (await make_payee(admin, stack)).public_key
    await ask(admin, "POST /parties", {"id": "acme", "name": "Acme", "kind": "customer"})
    await ask(admin, "GET /parties")
    await ask(admin, "GET /parties/{party_id}", party_id="acme")
    wanted = {
        "name": "acme-voice",
        "provider_party": "provider",
        "beneficiary_party": "acme",
        "provider": payee,
        "beneficiary": payee,
        "policy": "standard",
        "coverage": {"services": ["VOICE"]},
    }
    await ask(admin, "POST /agreements", wanted)
    await ask(admin, "GET /agreements")
    one = {"agreement": "default"}
    await ask(admin, "GET /agreements/{agreement}", **one)
    next_ = {"policy": "standard", "coverage": {"sites": ["TOWER-7"]}}
    await ask(admin, "POST /agreements/{agreement}/versions", next_, **one)
    await ask(admin, "GET /agreements/{agreement}/versions", **one)


async def show_audit(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask = recorder.ask
    await ask(admin, "GET /audit", params={"subject": "outage/OUT-1", "limit": 1})
    await ask(admin, "GET /audit/verify")
    await ask(admin, "GET /audit/export", params={"format": "csv"})
    await ask(admin, "GET /events", params={"after": "0-0", "limit": 1})
    await ask(admin, "GET /events/schemas")
    await ask(admin, "GET /events/schemas/{event_type}", event_type="webhook.test")


async def show_webhooks(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask = recorder.ask
    wanted = {"url": "http://127.0.0.1:9/", "events": ["payment.processed"]}
    one = {"webhook_id": (await ask(admin, "POST /webhooks", wanted))["id"]}
    await ask(admin, "POST /webhooks/{webhook_id}/test", **one)
    secrets = "/webhooks/{webhook_id}/secrets"
    await ask(admin, f"POST {secrets}", {"overlap_hours": 24}, **one)
    await ask(admin, f"GET {secrets}", **one)
    await ask(admin, "GET /webhooks")
    await ask(admin, "GET /webhooks/{webhook_id}", **one)
    listed = await ask(admin, "GET /webhooks/{webhook_id}/deliveries", **one)
    two = one | {"delivery_id": listed[0]["id"]}
    delivery = "/webhooks/{webhook_id}/deliveries/{delivery_id}"

    async def tried() -> bool:
        return bool((await admin.get(delivery.format(**two))).json()["history"])

    await wait_until(tried, "nobody listens there, and that is on record")
    await ask(admin, f"GET {delivery}", **two)
    await ask(admin, f"POST {delivery}/retry", **two)
    since = {"since": "2026-01-31T12:00:00Z"}
    await ask(admin, "POST /webhooks/{webhook_id}/redeliver", since, **one)
    await ask(admin, "PATCH /webhooks/{webhook_id}", {"active": False}, **one)
    await ask(admin, "DELETE /webhooks/{webhook_id}", **one)
