"""Wrong commands and queries are answered by the name of the field, and leave no trace."""

import json
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from adapters.postgres.database import Database
from tests.api.test_bodies import Witness
from tests.testkit.api_client import (
    declare_outage,
    format_time_after,
)


@pytest.fixture
def witness(api: httpx.AsyncClient, database: Database, temporal: Client) -> Witness:
    return Witness(api, database, temporal)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/outages/{}/resolve", {}, "resolved_at"),
        ("POST", "/outages/{}/resolve", {"resolved_at": format_time_after(-1)}, "resolved_at"),
        ("POST", "/outages/{}/resolve", {"resolved_at": "2026-01-31T13:00:00"}, "resolved_at"),
        ("POST", "/outages/{}/resolve", {"mttr_minutes": "7"}, "mttr_minutes"),
        ("POST", "/outages/{}/resolve", {"mttr_minutes": 7, "root_cause": "\x00"}, "root_cause"),
        ("POST", "/outages/{}/resolve", {"mttr": 7}, "mttr"),
        ("POST", "/outages/{}/cancel", {"reason": ""}, "reason"),
        ("POST", "/outages/{}/cancel", {"reason": "\x00"}, "reason"),
        ("PUT", "/outages/{}", {"site_name": ""}, "site_name"),
        ("PUT", "/outages/{}", {"site_name": " "}, "site_name"),
        ("PUT", "/outages/{}", {"severity": "urgent"}, "severity"),
        ("PUT", "/outages/{}", {"detected_at": format_time_after(1)}, "detected_at"),
        ("PUT", "/outages/{}", {"resolution_notes": "\ud800"}, "resolution_notes"),
        ("PUT", "/outages/{}", {"mttr_minutes": 5}, "mttr_minutes"),
        ("POST", "/sla/preview", {"severity": "low", "mttr_minutes": -0.5}, "mttr_minutes"),
        ("POST", "/sla/preview", {"severity": "low", "mttr_minutes": float("nan")}, "mttr_minutes"),
        ("POST", "/sla/preview", {"severity": "low", "mttr_minutes": 1e300}, "mttr_minutes"),
        ("POST", "/sla/disputes", {"outage_id": "{}", "reason": ""}, "reason"),
        ("POST", "/sla/disputes", {"outage_id": "{}", "reason": "x" * 301}, "reason"),
        ("POST", "/webhooks", {"url": "ftp://x", "events": ["outage.created"]}, "url"),
        ("POST", "/webhooks", {"url": "http://x", "events": ["outage.exploded"]}, "events.0"),
        ("POST", "/webhooks", {"url": "http://x", "events": []}, "events"),
    ],
)
async def test_a_wrong_command_leaves_no_trace(
    witness: Witness, api: httpx.AsyncClient, method: str, path: str, body: Any, field: str
) -> None:
    outage_id = await declare_outage(api)
    content = json.dumps(body).replace("{}", outage_id) if body else "{}"
    before = (await api.get(f"/outages/{outage_id}")).json()
    await witness.refused(method, path.format(outage_id), content.encode(), field)
    assert (await api.get(f"/outages/{outage_id}")).json() == before


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/outages?page=0", "page"),
        ("/outages?page=99999999999999999999", "page"),
        ("/outages?page_size=201", "page_size"),
        ("/outages?sort=colour", "sort"),
        ("/outages?sort_order=up", "sort_order"),
        ("/outages?severity=urgent", "severity"),
        ("/outages?search=%00", "search"),
        ("/payments?date_from=yesterday", "date_from"),
        ("/payments?date_to=9999-12-31", "date_to"),
        ("/payments?outage_id=%00", "outage_id"),
        ("/events?after=x", "after"),
        ("/events?after=99999999999999999999-0", "after"),
        ("/outages/a%00b", "outage_id"),
        ("/payments/a%00b", "payment_id"),
        ("/sla/disputes/a%00b", "dispute_id"),
        ("/webhooks/a%00b/deliveries", "webhook_id"),
    ],
)
async def test_a_wrong_question_is_answered_by_the_name_of_its_part(
    witness: Witness, path: str, field: str
) -> None:
    await witness.refused("GET", path, b"", field)
