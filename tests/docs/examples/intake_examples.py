"""Alerts, maintenance notices, and what people say of them."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx

from tests.docs.examples.example_recorder import ExampleRecorder
from tests.domain.sla.intake.test_formats import make_event, make_incident, make_notification
from tests.domain.sla.intake.test_maintenance_notices import CIRCUIT, make_notice
from tests.testkit.api_client import format_time_after, wait_until
from tests.testkit.sla.alert_factory import MAPPING_BODY, make_alert, make_alert_message

SECRET = "secret-of-a-webhook-0001"


@asynccontextmanager
async def open_source(admin: httpx.AsyncClient, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    base = str(admin.base_url)
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
        yield client


async def show_intake(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask = recorder.ask
    tokens: dict[str, str] = {}
    for kind in ("alertmanager", "zabbix", "statuspage", "maintnote", "pagerduty"):
        body: dict[str, Any] = {"name": kind, "kind": kind, "mapping": MAPPING_BODY}
        if kind == "pagerduty":
            body["signing_secret"] = SECRET
        tokens[kind] = (await ask(admin, "POST /intake/sources", body))["token"]
    await _send(recorder, admin, tokens)
    one = {"name": "zabbix"}
    await ask(admin, "GET /intake/sources")
    await ask(admin, "PATCH /intake/sources/{name}", {"time_zone": "Europe/Berlin"}, **one)
    await ask(admin, "POST /intake/sources/{name}/secrets", {"overlap_hours": 24}, **one)
    await ask(admin, "DELETE /intake/sources/{name}", **one)
    await _decide(recorder, admin)
    await ask(admin, "GET /intake/messages", params={"status": "quarantined"})
    (waiting,) = (await admin.get("/intake/messages", params={"status": "quarantined"})).json()
    message = {"message_id": waiting["id"]}
    await ask(admin, "GET /intake/messages/{message_id}", **message)
    seen = {"reason": "they send a corrected one"}
    await ask(admin, "POST /intake/messages/{message_id}/dismiss", seen, **message)
    await ask(admin, "GET /intake/maintenance-windows", params={"source": "maintnote"})


async def _send(
    recorder: ExampleRecorder, admin: httpx.AsyncClient, tokens: dict[str, str]
) -> None:
    """Send as each kind of source; of alerts one asks when it ended, and one fits no site."""
    start = datetime.fromisoformat(format_time_after())
    tower, mast, unknown = (make_alert(name, start) for name in ("tower-7", "mast-1", ""))
    bearer = {"Authorization": f"Bearer {tokens['alertmanager']}"}
    async with open_source(admin, **bearer) as source:
        route, named = "POST /intake/alertmanager/{source}", {"source": "alertmanager"}
        await recorder.ask(source, route, make_alert_message(tower, mast, unknown), **named)
        await recorder.ask(source, route, make_alert_message(unknown), **named)
    async with open_source(admin, Authorization=f"Bearer {tokens['zabbix']}") as source:
        notification = make_notification("1")
        await recorder.ask(source, "POST /intake/zabbix/{source}", notification, source="zabbix")
    async with open_source(admin) as source:
        route, params = "POST /intake/statuspage/{source}", {"token": tokens["statuspage"]}
        incident = make_incident("investigating")
        await recorder.ask(source, route, incident, params=params, source="statuspage")
    async with open_source(admin, Authorization=f"Bearer {tokens['maintnote']}") as source:
        route = "POST /intake/maintnote/{source}"
        for notice in (make_notice(), make_notice("RRULE:FREQ=DAILY", CIRCUIT)):
            await recorder.ask(source, route, notice.decode(), source="maintnote")
    event = make_event("incident.triggered")
    content = httpx.Request("POST", "http://localhost", json=event).content
    signature = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
    async with open_source(admin, **{"X-PagerDuty-Signature": f"v1={signature}"}) as source:
        await recorder.ask(source, "POST /intake/pagerduty/{source}", event, source="pagerduty")


async def _decide(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    """Give the end of one episode, dismiss another one, and release the one that fits no site."""
    ask, path = recorder.ask, "/intake/episodes/{episode_id}"
    await ask(admin, "GET /intake/episodes", params={"status": "end_unknown"})
    known = (await admin.get("/intake/episodes", params={"source": "alertmanager"})).json()
    ids = {each["labels"]["site"]: each["id"] for each in known}
    await ask(admin, f"GET {path}", episode_id=ids["tower-7"])
    for site in ("tower-7", "mast-1"):
        await wait_until(lambda id_=ids[site]: _is_declared(admin, id_), site)
    given = {"ended_at": format_time_after(25), "note": "by phone"}
    await ask(admin, f"POST {path}/end", given, episode_id=ids["tower-7"])
    drill = {"reason": "it was a drill"}
    await ask(admin, f"POST {path}/dismiss", drill, episode_id=ids["mast-1"])
    mapping = {"mapping": {"site": {"default": "somewhere"}, "severity": {"default": "low"}}}
    await admin.patch("/intake/sources/alertmanager", json=mapping)
    released = {"began_at": format_time_after(), "ended_at": format_time_after(25)}
    await ask(admin, f"POST {path}/release", released, episode_id=ids[""])


async def _is_declared(admin: httpx.AsyncClient, outage_id: str) -> bool:
    return (await admin.get(f"/outages/{outage_id}")).status_code == 200
