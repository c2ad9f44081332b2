"""
How long a restore takes: a database as so many outages leave it, backed up, and restored beside itself.

Of a hundred payments five are made after the backup, on a chain in a box. They are recognised there once the database is
restored, which counts as well; of the others five in a hundred are still owed.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import URL, make_url, text

from adapters.postgres.database import Database
from adapters.postgres.recovery.databases import open_maintenance
from devstack.bench import lost_payments, seed_journal, seed_payments
from devstack.bench.seed_journal import POSTINGS_A_PAYMENT
from devstack.bench.settlement_throughput import run_batches
from domain.requests import Request
from services.recovery.backups.take_backup import TakeBackup, take_backup
from services.recovery.restorations.read_source import read_source
from services.recovery.restorations.read_target import read_target
from services.recovery.restorations.restore_backup import RestoreBackup, restore_backup

# What an outage that is disputed and paid leaves in the audit trail and in the event feed.
CHANGES_AN_OUTAGE = 10
_TRAIL = (
    """
    INSERT INTO audit_entries (id, subject, action, actor, correlation_id, recorded_at, content, hash)
    SELECT 'aud_' || o.id || '_' || i, o.id, 'bench', 'bench', 'bench', now(),
           convert_to(repeat(md5(o.id || i), 20), 'UTF8'), sha256(convert_to(o.id || i, 'UTF8'))
    FROM outages o, generate_series(1, :changes) AS i
    """,
    """
    INSERT INTO events (id, type, entry_id, outage_id, outage_sequence, occurred_at, data)
    SELECT 'evt_' || o.id || '_' || i, 'outage.created', 'aud_' || o.id || '_' || i, o.id,
           coalesce(c.last, 0) + i, now(), jsonb_build_object('about', repeat(md5(o.id || i), 12))
    FROM outages o CROSS JOIN generate_series(1, :changes) AS i LEFT JOIN event_counts c ON c.outage_id = o.id
    """,
    """
    INSERT INTO event_counts AS c (outage_id, last) SELECT id, CAST(:changes AS int) FROM outages
    ON CONFLICT (outage_id) DO UPDATE SET last = c.last + excluded.last
    """,
)


@dataclass(frozen=True)
class RestoreTimes:
    """Seconds of each part; `total` is of those that a service waits for, so all but the backup."""

    outages: int
    unpaid: int
    paid_since: int
    recognised: int
    backup_bytes: int
    backup_seconds: float
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        return round(sum(self.seconds.values()), 2)


async def measure(server_url: str, outages: int, folder: Path, jobs: int) -> RestoreTimes:
    """Restore a database of so many outages into one of a new name on the same server; both are dropped."""
    path, since = folder / f"bench-{uuid4().hex[:8]}.backup", outages // 20
    async with (
        lost_payments.run_network(folder) as network,
        seed_journal.make_scratch(server_url, lost_payments.make_agreement(network)) as database,
        lost_payments.open_house(network, _name_url(database.url)) as house,
    ):
        await seed_journal.write(database, round((outages - since) * POSTINGS_A_PAYMENT))
        owed = await seed_payments.owe(database, f"bench-{uuid4().hex[:8]}", since)
        await _write_trail(database)
        began = time.monotonic()
        manifest = await take_backup(database, TakeBackup(path, version("apexchainx")))
        took = time.monotonic() - began
        await run_batches(house, owed)
        made = await lost_payments.read_hashes(database, owed)
        name = f"scratch_{uuid4().hex[:8]}"
        server, _ = open_maintenance(server_url)
        try:
            seconds = await _restore(server, name, path, jobs)
            url = make_url(server_url).set(database=name)
            async with lost_payments.open_house(network, _name_url(url)) as restored:
                found = await lost_payments.measure_recognition(restored, owed, made)
        finally:
            await server.close()
            size = path.stat().st_size
            path.unlink()
            await asyncio.to_thread(_drop, server_url, name)
    journal = manifest.contents.journal
    parts = {"read_chain": found.read, "confirm": found.confirm, "until_signing": found.wait}
    return RestoreTimes(
        journal.outages,
        journal.payments - journal.confirmed,
        since,
        found.count,
        size,
        round(took, 2),
        seconds | parts,
    )


def _name_url(url: URL) -> str:
    return url.render_as_string(hide_password=False)


async def _write_trail(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in _TRAIL:
            await connection.execute(text(statement), {"changes": CHANGES_AN_OUTAGE})


async def _restore(server: Database, name: str, path: Path, jobs: int) -> dict[str, float]:
    """As an operator does it: look at the report, then apply."""
    began = time.monotonic()
    source = await read_source(server, path, None, jobs)
    await read_target(server, name, source.manifest.contents.at)
    report = round(time.monotonic() - began, 3)
    by = Request("operator", "bench")
    wanted = RestoreBackup(source, name, False, by, datetime.now(UTC))
    return {"report": report} | (await restore_backup(server, wanted)).seconds


def _drop(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
