"""
Nothing that was committed is lost on its way to its receivers, whoever is killed.

Events are committed while the worker that delivers is killed with SIGKILL, or stopped with SIGTERM, and PostgreSQL is killed
too. Of twenty receivers one is dead, one slow, one drips its answers, and one fails every other time. EVENTS sets the size:
of a thousand or more, somebody is killed every 5 to 40 seconds until all are committed.
"""

import asyncio
import json
import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy import select, text

from adapters.postgres import events
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from devstack.processes.ports import free
from domain.audit import make_audit_entry
from domain.errors import ApexError
from domain.events import EventType, make_event
from domain.requests import Request
from tests.testkit.api_client import declare_outage, wait_until
from tests.testkit.stacks import Stacks
from tests.testkit.truth import open_api
from tests.testkit.webhook_receiver import DrippingReceiver, WebhookReceiver

EVENTS = int(os.environ.get("EVENTS", "60"))
OUTAGES, GOOD = 6, 16
KILLS = 3
PAUSES = (5.0, 40.0) if EVENTS >= 1000 else (3.0, 3.0)
DELIVERED_WITHIN_SECONDS = max(75, EVENTS)
BY = Request("tester", "corr-1")


@dataclass
class SlowReceiver(WebhookReceiver):
    """Takes its time, and takes it all."""

    seconds: float = 0.5

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.seconds)
        await super()._serve(reader, writer)


@dataclass
class FlappingReceiver(WebhookReceiver):
    """Fails every other time."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.answers = [503 if len(self.received) % 2 else 200]
        await super()._serve(reader, writer)


async def subscribe(api: httpx.AsyncClient, url: str) -> str:
    body = {"url": url, "events": ["outage.created", "outage.reopened"]}
    answer = await api.post("/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def publish(database: Database, outage_id: str, number: int) -> None:
    """Publish one event more of an outage; again, while the database is away."""
    at, key = datetime.now(UTC), f"event-{number}"
    data = {"outage_id": outage_id, "reason": key, "revision": 1}
    event = make_event(EventType.OUTAGE_REOPENED, outage_id, at, data, key)
    entry = make_audit_entry(f"outage/{outage_id}", "test.published", BY, at, data, key)
    while True:
        try:
            async with database.transaction() as connection:
                await events.publish(connection, entry, event)
        except ApexError:
            await asyncio.sleep(0.2)
        else:
            return


async def misbehave(stack: Stack, published: asyncio.Event, chance: random.Random) -> None:
    """Kill and stop the worker that delivers again and again, and the database in between, until all is published."""
    turn = 0
    while turn < KILLS or not published.is_set():
        await asyncio.sleep(chance.uniform(*PAUSES))
        part = "postgres" if turn % 3 == 1 else "worker"
        before = stack.restarts.get(part, 0)
        if turn % 3 == 2:
            os.kill(stack.pids[part], signal.SIGTERM)
        else:
            stack.kill(part)
        turn += 1

        async def is_back(part: str = part, before: int = before) -> bool:
            return stack.restarts.get(part, 0) > before

        await wait_until(is_back, f"{part} is back", 60)


async def read_ids(database: Database) -> set[str]:
    """Return the ids of all events; again, where a connection is of before the database was killed."""
    while True:
        try:
            async with database.autocommit() as connection:
                return set(await connection.scalars(select(text("id")).select_from(text("events"))))
        except ApexError:
            await asyncio.sleep(0.2)


def check_complete(receiver: WebhookReceiver, event_ids: set[str]) -> None:
    """Everything arrived; what came twice was the same under the same id; no number is missing."""
    bodies, numbers = defaultdict[str, set[bytes]](set), defaultdict[str, set[int]](set)
    for each in receiver.received:
        bodies[each.headers["webhook-id"]].add(each.body)
        message = json.loads(each.body)
        numbers[message["data"]["outage_id"]].add(message["outage_sequence"])
    assert bodies.keys() == event_ids
    assert all(len(same) == 1 for same in bodies.values())
    assert len(numbers) == OUTAGES
    for known in numbers.values():
        assert known == set(range(1, max(known) + 1))


async def are_all_taken(receivers: Sequence[WebhookReceiver], event_ids: set[str]) -> bool:
    return all(
        {each.headers["webhook-id"] for each in receiver.received} >= event_ids
        for receiver in receivers
    )


async def test_nothing_is_lost_while_processes_are_killed(
    stacks: Stacks, tmp_path: Path, seed: int
) -> None:
    async with AsyncExitStack() as opened:
        stack = await opened.enter_async_context(stacks.start(tmp_path / "data", durable=True))
        api = await opened.enter_async_context(open_api(stack))
        kinds = [*[WebhookReceiver] * GOOD, SlowReceiver, FlappingReceiver]
        receivers = [await opened.enter_async_context(kind()) for kind in kinds]
        dripping = await opened.enter_async_context(DrippingReceiver())
        for receiver in receivers:
            await subscribe(api, receiver.url)
        others = [
            await subscribe(api, dripping.url),
            await subscribe(api, f"http://127.0.0.1:{free()}/"),
        ]
        database = Database(stack.environment["DATABASE_URL"], connections_max=4)
        opened.push_async_callback(database.close)

        outage_ids = [await declare_outage(api) for _ in range(OUTAGES)]
        published = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(misbehave(stack, published, random.Random(seed)))
            for number in range(EVENTS):
                group.create_task(publish(database, outage_ids[number % OUTAGES], number))
                await asyncio.sleep(0.1)
            published.set()

        event_ids = await read_ids(database)
        assert len(event_ids) == EVENTS + OUTAGES
        done = "every receiver that takes anything has taken everything"
        await wait_until(
            lambda: are_all_taken(receivers, event_ids), done, DELIVERED_WITHIN_SECONDS
        )
        for receiver in receivers:
            check_complete(receiver, event_ids)
        await check_kept(database, others, len(event_ids))
        assert stack.restarts["worker"] + stack.restarts["postgres"] >= KILLS


async def check_kept(database: Database, webhook_ids: Sequence[str], count: int) -> None:
    """What nobody takes is kept: due, or left to a workflow after an attempt."""
    async with database.autocommit() as connection:
        rows = await connection.execute(
            text(
                "SELECT webhook_id, status, due_at IS NOT NULL OR attempts > 0 FROM deliveries"
                " WHERE webhook_id = ANY(:ids)"
            ),
            {"ids": list(webhook_ids)},
        )
        kept = Counter(map(tuple, rows))
    assert kept == {(webhook_id, "pending", True): count for webhook_id in webhook_ids}
