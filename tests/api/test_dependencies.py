"""Who may do what, and what the same request sent twice does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from domain.access.permissions import Role
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    build_outage,
    declare_outage,
    format_time_after,
    make_unique_id,
    wait_for_lifecycle,
    wait_until,
)

OPERATOR = "key-of-an-operator-0001"


@pytest.fixture
async def operator(api: httpx.AsyncClient, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with database.transaction() as connection:
        await api_keys.save_key(connection, "operator", Role.OPERATOR, OPERATOR)
    headers = {"X-API-Key": OPERATOR}
    async with httpx.AsyncClient(base_url=api.base_url, headers=headers, trust_env=False) as client:
        yield client


async def test_a_request_without_a_key_is_refused(api: httpx.AsyncClient) -> None:
    async with httpx.AsyncClient(base_url=api.base_url, trust_env=False) as stranger:
        schema = (await stranger.get(f"{api.base_url.copy_with(path='/openapi.json')}")).json()
        asked = 0
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                # What is public says so, as tests/api/access/test_permissions.py checks.
                if "401" not in operation["responses"] or path.endswith("/auth/refresh"):
                    continue
                # A source proves itself by a token or a signature of its own.
                if path.endswith("/{source}"):
                    continue
                answer = await stranger.request(method, path.removeprefix("/api/v1"))
                assert answer.status_code == 401, (method, path)
                assert (
                    answer.json()["detail"]
                    == "the API key is missing: send it in the header X-API-Key, or log in"
                )
                asked += 1
        assert asked >= 20


@pytest.mark.parametrize("key", ["wrong-key-of-nobody-0001", "x", "\xff\xfe"])
async def test_an_unknown_key_is_refused(api: httpx.AsyncClient, key: str) -> None:
    answer = await api.get("/outages", headers={"X-API-Key": key.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.json()["detail"] == "the API key is not known: ask an admin for one"


async def test_an_operator_works_but_does_not_govern(operator: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(operator)
    assert (await operator.get(f"/outages/{outage_id}")).status_code == 200
    policy = {"name": "tests", "terms": TERMS}
    webhook = {"url": "http://127.0.0.1:1/", "events": ["outage.created"]}
    for answer in (
        await operator.post("/sla/policies", json=policy),
        await operator.get("/webhooks"),
        await operator.post("/webhooks", json=webhook),
        await operator.patch("/webhooks/whk_1", json={"active": False}),
        await operator.delete("/webhooks/whk_1"),
        await operator.get("/webhooks/whk_1/deliveries"),
    ):
        assert answer.status_code == 403
        assert "which the role operator does not have" in answer.json()["detail"]


async def test_a_key_that_was_replaced_or_given_another_role_is_so_in_seconds(
    operator: httpx.AsyncClient, database: Database
) -> None:
    """Whoever has stolen it, or may not govern any more, has been let in before."""
    assert (await operator.get("/outages")).status_code == 200
    async with database.transaction() as connection:
        await api_keys.save_key(connection, "operator", Role.ADMIN, OPERATOR)

    async def governs() -> bool:
        return (await operator.get("/webhooks")).status_code == 200

    await wait_until(governs, "the key has its new role", 10)
    async with database.transaction() as connection:
        await api_keys.save_key(connection, "operator", Role.OPERATOR, "key-of-an-operator-0002")

    async def refused() -> bool:
        return (await operator.get("/outages")).status_code == 401

    await wait_until(refused, "the old key opens nothing", 10)


async def test_the_trail_names_who_asked(
    operator: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    outage_id = await declare_outage(operator)
    timeline = (await api.get(f"/outages/{outage_id}/timeline")).json()["items"]
    assert [item["actor"] for item in timeline] == ["operator"]


async def _resolve(
    api: httpx.AsyncClient, outage_id: str, minutes: int, key: str
) -> httpx.Response:
    return await api.post(
        f"/outages/{outage_id}/resolve",
        json={"mttr_minutes": minutes},
        headers={"Idempotency-Key": key},
    )


async def test_the_same_question_under_the_same_key_has_the_same_answer(
    api: httpx.AsyncClient,
) -> None:
    outage_id, key = await declare_outage(api), make_unique_id("key")
    answers = [await _resolve(api, outage_id, 25, key) for _ in range(3)]
    answers += await asyncio.gather(*(_resolve(api, outage_id, 25, key) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert (await _resolve(api, outage_id, 25, make_unique_id("key"))).status_code == 409
    assert (await _resolve(api, outage_id, 26, key)).status_code == 422


async def test_an_answer_lost_is_given_again_when_all_is_over(api: httpx.AsyncClient) -> None:
    outage_id, key = await declare_outage(api, policy=AT_ONCE), make_unique_id("key")
    first = await _resolve(api, outage_id, 25, key)
    await wait_for_lifecycle(api, outage_id, "closed")
    again = await _resolve(api, outage_id, 25, key)
    assert again.status_code == 200
    assert again.json()["sla"] == first.json()["sla"]
    assert again.json()["payment"]["id"] == first.json()["payment"]["id"]


async def test_one_correlation_id_may_follow_a_whole_incident(api: httpx.AsyncClient) -> None:
    """It says what belongs together, not what is the same."""
    headers = {"X-Correlation-ID": make_unique_id("incident")}
    said: dict[str, Any] = build_outage()
    path = f"/outages/{said['id']}"
    steps = [
        await api.post("/outages", json=said, headers=headers),
        await api.put(path, json={"description": "no power"}, headers=headers),
        await api.put(path, json={"assigned_to": "crew 2"}, headers=headers),
        await api.post(
            f"{path}/resolve", json={"resolved_at": format_time_after(25)}, headers=headers
        ),
    ]
    assert [step.status_code for step in steps] == [201, 200, 200, 200]
    shown = (await api.get(path)).json()
    assert (shown["description"], shown["assigned_to"]) == ("no power", "crew 2")
    assert shown["sla_status"]["mttr_minutes"] == 25
    timeline = (await api.get(f"{path}/timeline")).json()["items"]
    assert {item["correlation_id"] for item in timeline} == {headers["X-Correlation-ID"]}
    assert len(timeline) == 4
