"""
Deliveries a second, and how long an event takes from its commit to a receiver.

For the first, events are committed for every receiver at once; for the second one by one, at a fixed rate.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import orjson
from sqlalchemy import text

from adapters.postgres.database import Database
from devstack.bench.load_loops import open_loop
from devstack.bench.webhooks.receivers import CountingReceiver, open_receivers, wait_for_all
from devstack.replay.api_client import EngineClient
from domain.requests import Request
from services.integration.webhooks.send_test_event import SendTestEvent, send_test_event

RECEIVERS = 20
PATIENCE_SECONDS = 120.0
# Each event goes to one receiver, which is what a subscriber to its type is.
_COMMIT = (
    """
    INSERT INTO audit_entries (id, subject, action, actor, correlation_id, recorded_at, content, hash)
    SELECT 'aud_' || CAST(:run AS text) || '_' || i, 'bench', 'webhook.tested', 'bench', 'bench', now(),
           convert_to(repeat(md5(CAST(:run AS text) || i), 10), 'UTF8'), sha256(convert_to(CAST(:run AS text) || i, 'UTF8'))
    FROM generate_series(1, CAST(:events AS int)) AS i
    """,
    """
    INSERT INTO events (id, type, entry_id, occurred_at, data)
    SELECT 'evt_' || CAST(:run AS text) || '_' || i, 'webhook.test', 'aud_' || CAST(:run AS text) || '_' || i, now(),
           '{"webhook_id": "bench"}'
    FROM generate_series(1, CAST(:events AS int)) AS i
    """,
    """
    INSERT INTO deliveries (id, event_id, webhook_id, status, due_at)
    SELECT 'dlv_' || CAST(:run AS text) || '_' || i || '_' || w.n, 'evt_' || CAST(:run AS text) || '_' || i, w.id, 'pending', now()
    FROM generate_series(1, CAST(:events AS int)) AS i,
         unnest(CAST(:webhook_ids AS text[])) WITH ORDINALITY AS w (id, n)
    """,
)


@dataclass(frozen=True)
class DeliveryRates:
    """Per second in each round, of the engine and of bare posts."""

    receivers: int
    deliveries: int
    rounds: list[float]
    reference_rounds: list[float]
    rate: float
    commit_to_arrival_p50_ms: float
    commit_to_arrival_p99_ms: float
    forged: int
    repeated: int

    @property
    def per_second(self) -> float:
        return statistics.median(self.rounds)

    @property
    def reference(self) -> float:
        return statistics.median(self.reference_rounds)


async def measure(
    engine: EngineClient, database_url: str, events: int, rate: float, seconds: float, rounds: int
) -> DeliveryRates:
    database = Database(database_url, connections_max=8)
    async with open_receivers(RECEIVERS) as receivers:
        ids = [await _subscribe(engine, each) for each in receivers]
        try:
            measured, bare = list[float](), list[float]()
            for _ in range(rounds):
                measured.append(await _deliver_all(database, receivers, ids, events))
                bare.append(await _post_bare(receivers, events))
            waits = await _deliver_steadily(database, receivers, ids, rate, seconds)
        finally:
            for webhook_id in ids:
                await engine.ask("DELETE", f"/webhooks/{webhook_id}")
            await database.close()
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    return DeliveryRates(
        RECEIVERS,
        events * RECEIVERS,
        measured,
        bare,
        rate,
        round(cuts[49] * 1000, 1),
        round(cuts[98] * 1000, 1),
        sum(each.forged for each in receivers),
        sum(each.repeated for each in receivers),
    )


async def _subscribe(engine: EngineClient, receiver: CountingReceiver) -> str:
    # To what does not happen here: each event is delivered to the receiver that it is committed for.
    wanted = {"url": receiver.url, "events": ["outage.reopened"]}
    made = (await engine.ask("POST", "/webhooks", wanted)).body
    receiver.secret = made["secret"]
    return str(made["id"])


async def _deliver_all(
    database: Database, receivers: Sequence[CountingReceiver], ids: Sequence[str], events: int
) -> float:
    """Commit events for every receiver at once; return how many deliveries a second followed."""
    for each in receivers:
        each.arrived.clear()
    run = uuid4().hex[:12]
    async with database.transaction() as connection:
        for statement in _COMMIT:
            known = {"run": run, "events": events, "webhook_ids": list(ids)}
            names = {name: value for name, value in known.items() if f":{name}" in statement}
            await connection.execute(text(statement), names)
    began = time.time()
    wanted = {f"evt_{run}_{number}" for number in range(1, events + 1)}
    ended = await wait_for_all(receivers, [wanted] * len(receivers), PATIENCE_SECONDS)
    return round(events * len(receivers) / (ended - began), 1)


async def _post_bare(receivers: Sequence[CountingReceiver], posts: int) -> float:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "devstack.bench.webhooks.bare_posts", str(posts)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    given = orjson.dumps([(each.url, each.secret) for each in receivers])
    out, _ = await process.communicate(given)
    return round(float(out), 1)


async def _deliver_steadily(
    database: Database,
    receivers: Sequence[CountingReceiver],
    ids: Sequence[str],
    rate: float,
    seconds: float,
) -> list[float]:
    """Commit an event for one receiver at a time; return what each took from its commit to its arrival."""
    for each in receivers:
        each.arrived.clear()
    committed = dict[str, float]()

    async def commit(position: int) -> None:
        webhook_id = ids[position % len(ids)]
        by = Request("bench", f"bench-{uuid4().hex[:12]}")
        await send_test_event(database, SendTestEvent(webhook_id, by, datetime.now(UTC)))
        committed[by.correlation_id] = time.time()

    await open_loop(commit, rate, seconds)
    made = await _read_made(database, list(committed))
    wanted = [{id_ for id_, webhook_id, _ in made if webhook_id == each} for each in ids]
    await wait_for_all(receivers, wanted, PATIENCE_SECONDS)
    arrived = {id_: at for each in receivers for id_, at in each.arrived.items()}
    return [arrived[id_] - committed[correlation_id] for id_, _, correlation_id in made]


async def _read_made(
    database: Database, correlation_ids: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Return the id of the event that each of these requests published, and whom it is for."""
    async with database.autocommit() as connection:
        rows = await connection.execute(
            text(
                "SELECT e.id, d.webhook_id, a.correlation_id FROM events e"
                " JOIN audit_entries a ON a.id = e.entry_id JOIN deliveries d ON d.event_id = e.id"
                " WHERE a.correlation_id = ANY(:ids)"
            ),
            {"ids": list(correlation_ids)},
        )
        return [(row.id, row.webhook_id, row.correlation_id) for row in rows]
