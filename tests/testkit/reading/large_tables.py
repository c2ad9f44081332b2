"""A scratch database in which every table that grows is large, so that a plan shows what it is worth."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from devstack.environment.stack import Stack
from devstack.generate.generation import GenerationOptions, generate
from tests.testkit import stacks

OUTAGES, OTHERS = 25_000, 15_000
WEBHOOK = "whk_large"
_SEED = f"""
SET session_replication_role = replica;
INSERT INTO attestations (outage_id, revision, symbol, status, requested_at)
SELECT outage_id, revision, outage_id || '/' || revision, 'pending', judged_at FROM sla_results;
INSERT INTO webhooks (id, url, events) VALUES ('{WEBHOOK}', 'https://127.0.0.1:9/', '[]');
INSERT INTO deliveries (id, event_id, webhook_id, status, created_at)
SELECT 'dlv_' || e.sequence, e.id, '{WEBHOOK}',
       CASE e.sequence % 100 WHEN 0 THEN 'failed' ELSE 'success' END, e.occurred_at
FROM events e ORDER BY e.sequence LIMIT {OTHERS};
INSERT INTO imports (id, filename, digest, imported, skipped, problems, imported_by, created_at)
SELECT 'imp_' || n, 'outages.csv', md5(n::text), 1, 0, '[]', 'somebody', now() - n * interval '1 h'
FROM generate_series(1, {OTHERS}) n;
INSERT INTO intake_sources (name, kind, time_zone, mapping, repeat_interval_seconds, created_by, created_at)
SELECT unnest(ARRAY['monitoring', 'other']), 'alertmanager', 'UTC', '{{}}', 60, 'somebody', now();
INSERT INTO intake_messages (id, source, digest, content, received_at, last_received_at, status)
SELECT 'msg_' || n, CASE n % 50 WHEN 0 THEN 'monitoring' ELSE 'other' END, md5(n::text), '', at, at,
       CASE n % 200 WHEN 0 THEN 'quarantined' ELSE 'taken' END
FROM generate_series(1, {OTHERS}) n, LATERAL (SELECT now() - n * interval '1 h' AS at) _;
INSERT INTO intake_episodes (id, source, fingerprint, began_at, status, labels, summary, message_id,
    first_heard_at, last_heard_at, policy, agreement, wants_reopening, reopenings, version)
SELECT 'epi_' || n, CASE n % 50 WHEN 0 THEN 'monitoring' ELSE 'other' END, n, at,
       CASE n % 200 WHEN 0 THEN 'open' ELSE 'ended' END, '{{}}', '', 'msg_' || n, at, at, 'standard',
       'default', false, 0, 1
FROM generate_series(1, {OTHERS}) n, LATERAL (SELECT now() - n * interval '1 h' AS at) _;
INSERT INTO maintenance_windows (id, source, provider, maintenance_id, sequence, status, starts_at,
    ends_at, circuits, summary, noticed_at, message_id, recorded_at)
SELECT 'win_' || n, CASE n % 50 WHEN 0 THEN 'monitoring' ELSE 'other' END, 'carrier', n / 2, n % 2,
       'confirmed', at, at + interval '1 h', '[]', '', at, 'msg_' || n, at
FROM generate_series(1, {OTHERS}) n, LATERAL (SELECT now() - n * interval '1 h' AS at) _;
"""


@asynccontextmanager
async def open_large_database(stack: Stack) -> AsyncIterator[str]:
    """Yield the URL of a scratch database full of generated outages, and of what sources sent."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        wanted = GenerationOptions(OUTAGES, seed=7, folds=False)
        await asyncio.to_thread(generate, url, wanted)
        await asyncio.to_thread(_fill, url)
        yield url


def _fill(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(_SEED.encode())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
