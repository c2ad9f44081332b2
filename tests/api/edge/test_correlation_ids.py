"""A correlation id finds what belongs together; it never makes two requests one."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from adapters.postgres.database import Database
from adapters.postgres.tables import audit_entries
from tests.testkit.api_client import build_outage

SAME = {"X-Correlation-ID": "incident-42"}


async def test_another_end_under_the_same_id_is_refused(api: httpx.AsyncClient) -> None:
    said = build_outage(status="resolved", mttr_minutes=5)
    first = await api.post("/outages", json=said, headers=SAME)
    other = await api.post("/outages", json=said | {"mttr_minutes": 90}, headers=SAME)
    again = await api.post("/outages", json=said, headers=SAME)
    assert [first.status_code, other.status_code, again.status_code] == [201, 409, 200]
    assert "another end" in other.json()["detail"]
    assert again.json()["sla_status"]["mttr_minutes"] == 5


async def test_other_content_at_once_under_the_same_id_is_refused(api: httpx.AsyncClient) -> None:
    said = build_outage()
    answers = await asyncio.gather(
        *(
            api.post("/outages", json=said | {"site_name": name}, headers=SAME)
            for name in ("Tower 8", "Tower 9")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_every_change_has_an_entry_of_its_own(
    api: httpx.AsyncClient, database: Database
) -> None:
    asked = {"url": "https://example.com/hook", "events": ["sla.breached"]}
    webhook_id = (await api.post("/webhooks", json=asked, headers=SAME)).json()["id"]
    for active in (False, True):
        answer = await api.patch(f"/webhooks/{webhook_id}", json={"active": active}, headers=SAME)
        assert answer.status_code == 204
    await api.delete(f"/webhooks/{webhook_id}", headers=SAME)
    async with database.autocommit() as connection:
        count = await connection.scalar(
            select(func.count()).where(audit_entries.c.subject == f"webhook/{webhook_id}")
        )
    assert count == 4


@pytest.mark.parametrize(
    "end",
    [
        {"mttr_minutes": 5_000_000},
        {"resolved_at": "2026-01-31T11:00:00Z"},
        {"resolved_at": "2026-01-31T12:30:00Z", "mttr_minutes": 5},
    ],
)
async def test_a_correction_that_is_refused_has_changed_nothing(
    api: httpx.AsyncClient, end: dict[str, Any]
) -> None:
    said = build_outage(severity="low")
    assert (await api.post("/outages", json=said)).status_code == 201
    before = (await api.get(f"/outages/{said['id']}")).json()
    sent = {"severity": "critical", "site_name": "another", "status": "resolved"} | end
    assert (await api.put(f"/outages/{said['id']}", json=sent)).status_code == 422
    assert (await api.get(f"/outages/{said['id']}")).json() == before
