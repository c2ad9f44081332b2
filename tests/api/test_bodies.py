"""
What a caller can get wrong: each mistake is answered by the name of the field, in a sentence,
and leaves no trace: no row, no leaf, no event, no workflow.
"""

import json
import re
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres.database import Database
from domain.errors import Invalid
from domain.sla.outage_rules import PATH_WORDS, check_id
from tests.testkit.access.served_routes import list_routes
from tests.testkit.api_client import (
    build_outage,
    format_time_after,
    make_unique_id,
)
from tests.testkit.described_app import get_app

PATH_WORD = re.compile(r"/api/v1/outages/([a-z-]+)")
TRACES = text(
    """
    SELECT (SELECT count(*) FROM outages) AS outages,
           (SELECT count(*) FROM events WHERE type = 'outage.created') AS events,
           (SELECT count(*) FROM audit_entries
            WHERE convert_from(content, 'UTF8') LIKE '%' || :correlation || '%') AS leaves
    """
)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"detected_at": "2026-01-31T12:00:00"}, "detected_at"),
    ({"detected_at": "2026-01-31"}, "detected_at"),
    ({"detected_at": "yesterday"}, "detected_at"),
    ({"detected_at": 1769860800}, "detected_at"),
    ({"detected_at": "1769860800"}, "detected_at"),
    ({"detected_at": None}, "detected_at"),
    ({"detected_at": "2199-01-01T00:00:00Z"}, "detected_at"),
    ({"detected_at": "0001-01-01T00:00:00+14:00"}, "detected_at"),
    ({"detected_at": "9999-12-31T23:59:59-14:00"}, "detected_at"),
    ({"status": "resolved", "resolved_at": format_time_after(-5)}, "resolved_at"),
    ({"status": "resolved", "resolved_at": format_time_after(0)}, "resolved_at"),
    ({"status": "resolved", "resolved_at": "2199-01-01T00:00:00Z"}, "resolved_at"),
    ({"resolved_at": format_time_after(5)}, "resolved_at"),
    ({"mttr_minutes": 5}, "mttr_minutes"),
    ({"status": "resolved", "mttr_minutes": -1}, "mttr_minutes"),
    ({"status": "resolved", "mttr_minutes": 1.5}, "mttr_minutes"),
    ({"status": "resolved", "mttr_minutes": "5"}, "mttr_minutes"),
    ({"status": "resolved", "mttr_minutes": 2**32}, "mttr_minutes"),
    ({"status": "resolved", "mttr_minutes": 10**400}, "mttr_minutes"),
    ({"severity": "urgent"}, "severity"),
    ({"severity": "CRITICAL"}, "severity"),
    ({"severity": None}, "severity"),
    ({"colour": "red"}, "colour"),
    ({"site_name": ""}, "site_name"),
    ({"site_name": 7}, "site_name"),
    ({"site_name": "x" * 201}, "site_name"),
    ({"id": ""}, "id"),
    ({"id": "a/b"}, "id"),
    ({"id": "x" * 65}, "id"),
    ({"description": "x" * 2001}, "description"),
    ({"affected_services": None}, "affected_services"),
    ({"affected_services": ["x" * 201]}, "affected_services"),
    ({"affected_subscribers": -1}, "affected_subscribers"),
    ({"affected_subscribers": 2**53}, "affected_subscribers"),
    ({"affected_subscribers": 10**400}, "affected_subscribers"),
    ({"affected_subscribers": True}, "affected_subscribers"),
    ({"affected_subscribers": float("nan")}, "affected_subscribers"),
    ({"location": {"latitude": 90.0001, "longitude": 0}}, "location.latitude"),
    ({"location": {"latitude": -90.0001, "longitude": 0}}, "location.latitude"),
    ({"location": {"latitude": 0, "longitude": 180.0001}}, "location.longitude"),
    ({"location": {"latitude": 0, "longitude": -180.0001}}, "location.longitude"),
    ({"location": {"latitude": 0, "longitude": float("inf")}}, "location.longitude"),
    ({"location": {"latitude": 0}}, "location.longitude"),
    ({"policy": "unheard-of"}, "policy"),
    ({"policy": ""}, "policy"),
]
TEXTS = ("id", "site_name", "site_id", "description", "assigned_to", "policy")
WRONG += [
    ({name: [value] if name == "affected_services" else value}, name)
    for value in ("a\x00b", "a\ud800b", "\udfff")
    for name in (*TEXTS, "affected_services")
]


class Witness:
    """Sends a request, and swears that it left no trace."""

    def __init__(self, api: httpx.AsyncClient, database: Database, temporal: Client) -> None:
        self.api, self.database, self.temporal = api, database, temporal

    async def traces(self, correlation: str) -> tuple[int, ...]:
        async with self.database.transaction() as connection:
            found = await connection.execute(TRACES, {"correlation": correlation})
            return tuple(found.one())

    async def refused(self, method: str, path: str, body: bytes, field: str) -> None:
        correlation = make_unique_id("correlation")
        headers = {"content-type": "application/json", "x-correlation-id": correlation}
        before = await self.traces(correlation)
        answer = await self.api.request(method, path, content=body, headers=headers)
        assert answer.status_code == 422, answer.text
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["field"] for error in problem["errors"]] == [field]
        assert problem["detail"].startswith(f"{field}: ")
        assert problem["correlation_id"] == correlation
        assert await self.traces(correlation) == before

    async def never_lived(self, outage_id: str) -> None:
        with pytest.raises(RPCError) as unknown:
            await self.temporal.get_workflow_handle(f"outage/{outage_id}").describe()
        assert unknown.value.status is RPCStatusCode.NOT_FOUND


@pytest.fixture
def witness(api: httpx.AsyncClient, database: Database, temporal: Client) -> Witness:
    return Witness(api, database, temporal)


@pytest.mark.parametrize(("change", "field"), WRONG, ids=lambda value: ascii(value)[:40])
async def test_a_wrong_declaration_leaves_no_trace(
    witness: Witness, change: dict[str, Any], field: str
) -> None:
    said = build_outage(**change)
    await witness.refused("POST", "/outages", json.dumps(said).encode(), field)
    if field != "id":
        await witness.never_lived(said["id"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"id": "\xff"}',
        b"[" * 100_000,
        b'{"id": 9' + b"9" * 5000,
    ],
    ids=["empty", "cut", "list", "null", "text", "latin", "deep", "digits"],
)
async def test_what_is_no_json_object_is_said_to_be_none(witness: Witness, body: bytes) -> None:
    await witness.refused("POST", "/outages", body, "body")


async def test_the_id_of_a_refused_declaration_is_not_burnt(api: httpx.AsyncClient) -> None:
    said = build_outage()
    assert (await api.post("/outages", json=said | {"policy": "no-such"})).status_code == 422
    assert (await api.post("/outages", json=said)).status_code == 201


def test_no_outage_is_named_as_a_path_beside_those_of_outages() -> None:
    """It could be declared, resolved and paid, and never be shown."""
    found = [PATH_WORD.fullmatch(each.path) for each in list_routes(get_app())]
    words = {each[1] for each in found if each is not None}
    assert words == PATH_WORDS
    for word in words:
        with pytest.raises(Invalid, match="a path of its own"):
            check_id(word)
