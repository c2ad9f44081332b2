"""
A journal of any size, as years of settlements would leave it, and how long it takes to check.

Written past the triggers, since a million of them would only say what the check is about to say;
most payments are settled, some were tried twice, some are on their way and some only owed.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.accounting import invariants, journal
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.agreements import add_agreement
from devstack.bench import seed_payments
from domain.accounting.integrity_checks import Violation
from domain.accounting.journal import make_reservation, make_settlement
from domain.accounting.postings import SLOTS
from domain.sla.agreements.agreements import Agreement
from migrations.run import upgrade

# Of a hundred payments: 90 settled at once, 5 at the second attempt, 2 in flight, 3 only owed.
POSTINGS_A_PAYMENT = 2 * (0.90 * 3 + 0.05 * 5 + 0.02 * 2 + 0.03 * 1)
PAYEES = 200
REFERENCE = text("SELECT sum(amount_stroops) FROM postings")

_SEED = (
    "SET LOCAL session_replication_role = replica",
    "SET LOCAL synchronous_commit = off",
    """
    INSERT INTO outages (id, status, severity, site_name, description, affected_services,
        detected_at, declared_at, resolved_at, fingerprint, correlation_id, agreement,
        agreement_version, policy, policy_version)
    SELECT 'OUT-' || i, CASE WHEN i % 100 < 95 THEN 'closed' ELSE 'settling' END, 'critical', 'Mast ' || i, '', '[]', at, at, at, '', 'bench',
           'default', 1, 'standard', 1
    FROM generate_series(1, :payments) AS i, LATERAL (SELECT now() - i * interval '1 s' AS at) _
    """,
    """
    INSERT INTO payments (id, number, outage_id, revision, type, status, amount_stroops,
        asset_code, payer, from_address, to_address, transaction_hash, ledger, correlation_id,
        created_at, confirmed_at)
    SELECT 'pay_' || substr(md5('pay' || i), 1, 24), i, 'OUT-' || i, 1,
           CASE i % 2 WHEN 0 THEN 'penalty' ELSE 'reward' END,
           CASE WHEN i % 100 < 95 THEN 'confirmed' WHEN i % 100 < 97 THEN 'submitted'
                ELSE 'pending' END,
           10000000 + i, 'USDC', CASE i % 2 WHEN 0 THEN 'bond' ELSE 'pool' END,
           CASE i % 2 WHEN 0 THEN 'GBOND' ELSE 'GPOOL' END,
           'G' || rpad(upper(md5('payee' || i % :payees)), 55, 'A'),
           CASE WHEN i % 100 < 95 THEN md5('a' || i) || md5('b' || i) END,
           CASE WHEN i % 100 < 95 THEN i END, 'bench', now(),
           CASE WHEN i % 100 < 95 THEN now() END
    FROM generate_series(1, :payments) AS i
    """,
    """
    INSERT INTO channels (address, sequence) VALUES ('GCHANNEL', 0) ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO attempts (payment_id, n, channel, sequence, status, max_ledger)
    SELECT p.id, n, 'GCHANNEL', p.number * 2 + n, CASE
               WHEN n < tries.count THEN 'failed'
               WHEN p.status = 'confirmed' THEN 'succeeded' ELSE 'open' END, 1
    FROM payments p,
         LATERAL (SELECT CASE WHEN number % 100 BETWEEN 90 AND 94 THEN 2 ELSE 1 END AS count) tries,
         generate_series(1, tries.count) AS n
    WHERE p.status <> 'pending'
    """,
    """
    INSERT INTO allocations (lead_payment_id, n, payment_id, number, amount_stroops, live)
    SELECT p.id, a.n, p.id, p.number, p.amount_stroops, a.status <> 'failed'
    FROM attempts a JOIN payments p ON p.id = a.payment_id
    """,
    """
    INSERT INTO envelopes (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger)
    SELECT CASE a.status WHEN 'succeeded' THEN p.transaction_hash
           ELSE md5('c' || p.number || a.n) || md5('d' || p.number || a.n) END,
           md5('e' || p.number || a.n) || md5('f' || p.number || a.n), p.id, a.n,
           repeat('A', 1200), 100, 1
    FROM attempts a JOIN payments p ON p.id = a.payment_id
    """,
    f"""
    INSERT INTO entries (id, kind, payment_id, currency, lines, slot, corrects, transaction_hash)
    SELECT 'ent_' || substr(md5(p.id || e.name), 1, 24), e.kind, p.id, 'USDC', 2,
           get_byte(sha256(convert_to(p.id, 'UTF8')), 0) % {SLOTS},
           CASE e.kind WHEN 'release'
               THEN 'ent_' || substr(md5(p.id || 'reservation1'), 1, 24) END,
           CASE e.kind WHEN 'settlement' THEN p.transaction_hash END
    FROM payments p, LATERAL (
        SELECT 'accrual' AS kind, 'accrual' AS name
        UNION ALL SELECT 'reservation', 'reservation' || a.n FROM attempts a
            WHERE a.payment_id = p.id
        UNION ALL SELECT 'release', 'release' || a.n FROM attempts a
            WHERE a.payment_id = p.id AND a.status = 'failed'
        UNION ALL SELECT 'settlement', 'settlement' WHERE p.status = 'confirmed'
    ) e
    """,
    """
    INSERT INTO postings (entry_id, line, account, amount_stroops)
    SELECT e.id, l.line, l.account, l.amount
    FROM entries e JOIN payments p ON p.id = e.payment_id,
    LATERAL (
        SELECT 'expense:' || p.type AS expense, 'payable:' || p.to_address AS payable,
               'reserved:' || p.to_address AS reserved, 'treasury:' || p.from_address AS treasury
    ) name,
    LATERAL (VALUES
        (1, CASE e.kind WHEN 'accrual' THEN expense WHEN 'reservation' THEN payable
            ELSE reserved END, p.amount_stroops),
        (2, CASE e.kind WHEN 'reservation' THEN reserved WHEN 'settlement' THEN treasury
            ELSE payable END, -p.amount_stroops)
    ) AS l (line, account, amount)
    """,
    """
    INSERT INTO accounts (name, currency, kind, floor_stroops)
    SELECT DISTINCT account, 'USDC',
        CASE split_part(account, ':', 1)
            WHEN 'expense' THEN 'expense' WHEN 'treasury' THEN 'asset' ELSE 'liability' END,
        CASE split_part(account, ':', 1) WHEN 'treasury' THEN NULL::bigint ELSE 0 END
    FROM postings
    """,
    """
    INSERT INTO balances (account, currency, slot, amount_stroops)
    SELECT p.account, e.currency, e.slot, sum(p.amount_stroops)
    FROM postings p JOIN entries e ON e.id = p.entry_id GROUP BY 1, 2, 3
    """,
)


@dataclass(frozen=True)
class Timed:
    """How long a check of everything took, each time, and a plain read of all amounts."""

    postings: int
    entries: int
    check_seconds: list[float]
    scan_seconds: list[float]
    violations: list[Violation]

    @property
    def check(self) -> float:
        return round(statistics.median(self.check_seconds), 3)

    @property
    def scan(self) -> float:
        return round(statistics.median(self.scan_seconds), 3)


async def write(database: Database, postings: int) -> None:
    """Write a journal of about so many postings into an empty database."""
    wanted = {"payments": round(postings / POSTINGS_A_PAYMENT), "payees": PAYEES}
    async with database.transaction() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in map(text, _SEED):
            named = {name: wanted[name] for name in wanted if f":{name}" in statement.text}
            await connection.execute(statement, named)
    async with database.autocommit() as connection:
        await connection.execute(text("SET statement_timeout = 0"))
        # As the server itself does a while after so much was written.
        await connection.execute(text("VACUUM ANALYZE"))


async def measure(database: Database, rounds: int) -> Timed:
    """Check the whole journal so many times, each beside a plain read of all amounts."""
    checks, scans, violations = list[float](), list[float](), list[Violation]()
    for _ in range(rounds):
        async with database.transaction() as connection:
            began = time.perf_counter()
            await connection.execute(REFERENCE)
            scans.append(time.perf_counter() - began)
            began = time.perf_counter()
            violations = await invariants.check(connection)
            checks.append(time.perf_counter() - began)
    async with database.autocommit() as connection:
        postings, entries = (
            await _count(connection, "postings"),
            await _count(connection, "entries"),
        )
    return Timed(postings, entries, checks, scans, violations)


async def _count(connection: AsyncConnection, table: str) -> int:
    return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def measure_posting(database: Database, writers: int, count: int) -> float:
    """
    Reserve and settle so many payments, a transaction each time, all between the same accounts.

    Returns entries a second.
    """
    owed = iter(await seed_payments.owe(database, f"bench-{uuid4().hex[:8]}", count))

    async def write_on() -> None:
        for payment in owed:
            for entry in (make_reservation(payment, 1), make_settlement(payment, payment.id)):
                async with database.transaction() as connection:
                    await journal.post_entry(connection, entry)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(writers):
            group.create_task(write_on())
    return round(2 * count / (time.perf_counter() - began), 1)


# Parties that exist on no chain.
NOBODY = Agreement("default", "GBOND", "GPOOL", "GPROVIDER", "GBENEFICIARY")


@asynccontextmanager
async def make_scratch(server_url: str, agreement: Agreement = NOBODY) -> AsyncIterator[Database]:
    """Make a database beside another, at the newest migration; it is dropped in the end."""
    name = f"scratch_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
        await asyncio.to_thread(upgrade, url)
        database = Database(url, connections_max=12)
        try:
            async with database.transaction() as connection:
                await add_agreement(connection, agreement)
            yield database
        finally:
            await database.close()
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
