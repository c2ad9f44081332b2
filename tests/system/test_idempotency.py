"""
Fifty callers send the same command with the same key, for each of many keys, and the API is killed meanwhile:
each key has one effect, and all of its callers are given one answer. IDEMPOTENCY_KEYS=200 takes that many.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.failpoints import API_POINTS
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.api_client import declare_outage, format_time_after, make_unique_id
from tests.testkit.stacks import Stacks

KEYS = int(os.environ.get("IDEMPOTENCY_KEYS", "6"))
CALLERS = 50
KILLS = 2
# Keys whose callers are on their way at the same time.
AT_ONCE = 3


@dataclass
class Crowd:
    """The callers of one key, and what each of them was answered at last."""

    key: str
    path: str
    body: dict[str, Any]
    answers: list[httpx.Response] = field(default_factory=list)
    interrupted: int = 0

    async def call(self, client: httpx.AsyncClient) -> None:
        await asyncio.gather(*(self.call_once(client) for _ in range(CALLERS)))

    async def call_once(self, client: httpx.AsyncClient) -> None:
        """Repeat until there is an answer, as a careful client does."""
        while True:
            try:
                answer = await client.post(
                    self.path, json=self.body, headers={"Idempotency-Key": self.key}
                )
            except httpx.TransportError:
                self.interrupted += 1
                await asyncio.sleep(0.5)
                continue
            if answer.status_code < 400:
                return self.answers.append(answer)
            assert answer.status_code in (409, 503), answer.text
            assert answer.status_code == 503 or answer.json()["type"].endswith("request_in_flight")
            await asyncio.sleep(float(answer.headers["Retry-After"]) / 2)


@pytest.fixture
async def stack(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path_factory.mktemp("keys"), signs=False) as running:
        yield running


async def make_crowd(client: httpx.AsyncClient, number: int) -> Crowd:
    """By turns a change that the API makes itself, and one that a workflow makes."""
    key = make_unique_id("key")
    if number % 2:
        outage_id = await declare_outage(client)
        body: dict[str, Any] = {"resolved_at": format_time_after(25)}
        return Crowd(key, f"/outages/{outage_id}/resolve", body)
    return Crowd(key, "/webhooks", {"url": "http://127.0.0.1:9/", "events": ["payment.processed"]})


async def kill_midway(stack: Stack, crowds: list[Crowd]) -> None:
    """Kill the API whenever another part of all callers has been answered."""
    for n in range(1, KILLS + 1):
        enough = n * len(crowds) * CALLERS // (KILLS + 1)
        while sum(len(crowd.answers) for crowd in crowds) < enough:
            await asyncio.sleep(0.02)
        stack.kill("api")


async def count(database: Database, action: str) -> int:
    async with database.autocommit() as connection:
        statement = text("SELECT count(*) FROM audit_entries WHERE action = :action")
        return int(await connection.scalar(statement, {"action": action}) or 0)


async def test_every_key_has_one_effect_and_one_answer(stack: Stack) -> None:
    headers = {"X-API-Key": KEY}
    limits = httpx.Limits(max_connections=CALLERS * AT_ONCE)
    async with httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1", headers=headers, timeout=60, limits=limits, trust_env=False
    ) as client:
        crowds = [await make_crowd(client, number) for number in range(KEYS)]
        gate = asyncio.Semaphore(AT_ONCE)

        async def let_in(crowd: Crowd) -> None:
            async with gate:
                await crowd.call(client)

        await asyncio.gather(kill_midway(stack, crowds), *(let_in(crowd) for crowd in crowds))
    assert stack.restarts.get("api", 0) >= 1
    assert sum(crowd.interrupted for crowd in crowds) > 0, "nobody noticed that the API was killed"
    for crowd in crowds:
        assert len(crowd.answers) == CALLERS
        assert len({(each.status_code, each.content) for each in crowd.answers}) == 1, crowd.path
    database = Database(stack.environment["DATABASE_URL"], connections_max=2)
    try:
        subscriptions, judged = (KEYS + 1) // 2, KEYS // 2
        assert await count(database, "webhook.created") == subscriptions
        assert await count(database, "outage.judged") == judged
    finally:
        await database.close()


@pytest.mark.parametrize("point", API_POINTS)
async def test_a_death_beside_the_commit_leaves_one_effect(
    stacks: Stacks, tmp_path_factory: pytest.TempPathFactory, point: str
) -> None:
    """Each API dies at its second command; what was not committed is done anew, what was is answered."""
    made, settings = tmp_path_factory.mktemp(point), {"FAILPOINT": f"{point}:2"}
    hook = {"url": "http://127.0.0.1:9/", "events": ["payment.processed"]}
    async with (
        stacks.start(made, signs=False, settings=settings) as stack,
        httpx.AsyncClient(
            base_url=f"{stack.url}/api/v1", headers={"X-API-Key": KEY}, timeout=60, trust_env=False
        ) as client,
    ):
        before = Crowd(make_unique_id("key"), "/webhooks", hook)
        await before.call_once(client)
        dying = Crowd(make_unique_id("key"), "/webhooks", hook)
        await dying.call_once(client)
        assert (before.interrupted, dying.interrupted > 0) == (0, True)
        replayed = "Idempotent-Replayed" in dying.answers[0].headers
        assert replayed == (point == "after_answer")
        listed = {each["id"] for each in (await client.get("/webhooks")).json()}
        assert listed == {each.answers[0].json()["id"] for each in (before, dying)}
        database = Database(stack.environment["DATABASE_URL"], connections_max=1)
        assert await count(database, "webhook.created") == 2
        await database.close()
