"""A book of an older version: its balances are made, and what was in flight is reserved."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.engine import make_url

from adapters.postgres import invariants, ledger
from adapters.postgres.database import Database
from domain.ledger import reservation, spent
from domain.payments import Payment, Treasury
from domain.sla import PaymentType
from migrations.run import config, upgrade
from sandbox.stack import Stack

BEFORE = "0008"
PAID, IN_FLIGHT, OWED = "pay_paid", "pay_in_flight", "pay_owed"

_OLD = (
    "SET LOCAL session_replication_role = replica",
    """
    INSERT INTO payments (id, outage_id, revision, type, status, amount_stroops, asset_code, payer,
        from_address, to_address, transaction_hash, ledger, correlation_id, created_at, confirmed_at)
    VALUES
        ('pay_paid', 'a', 1, 'penalty', 'confirmed', 100, 'USDC', 'bond', 'GF', 'GT', 'h1', 7, 'x',
            now(), now()),
        ('pay_in_flight', 'b', 1, 'penalty', 'submitted', 200, 'USDC', 'bond', 'GF', 'GT', NULL,
            NULL, 'x', now(), NULL),
        ('pay_owed', 'c', 1, 'penalty', 'pending', 300, 'USDC', 'bond', 'GF', 'GT', NULL, NULL,
            'x', now(), NULL)
    """,
    """
    INSERT INTO attempts (payment_id, n, channel, sequence, status, max_ledger)
    VALUES ('pay_paid', 1, 'GC', 1, 'succeeded', 9), ('pay_in_flight', 2, 'GC', 2, 'open', 9),
           ('pay_owed', 1, 'GC', 3, 'open', NULL)
    """,
    """
    INSERT INTO shares (leader, n, payment_id, number, amount_stroops)
    SELECT p.id, a.n, p.id, p.number, p.amount_stroops
    FROM attempts a JOIN payments p ON p.id = a.payment_id
    """,
    """
    INSERT INTO envelopes (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger)
    VALUES ('h1', 'i1', 'pay_paid', 1, 'A', 100, 9), ('h2', 'i2', 'pay_in_flight', 2, 'A', 100, 9)
    """,
    """
    INSERT INTO entries (id, kind, payment_id)
    SELECT 'ent_' || id, 'accrual', id FROM payments
    UNION ALL SELECT 'ent_settled', 'settlement', 'pay_paid'
    """,
    """
    INSERT INTO postings (entry_id, line, account, amount_stroops)
    SELECT 'ent_' || id, 1, 'expense:penalty', amount_stroops FROM payments
    UNION ALL SELECT 'ent_' || id, 2, 'payable:GT', -amount_stroops FROM payments
    UNION ALL VALUES ('ent_settled', 1, 'payable:GT', 100), ('ent_settled', 2, 'treasury:bond', -100)
    """,
)


@pytest.fixture
async def old(stack: Stack) -> AsyncIterator[str]:
    """A database as the version before left it."""
    server = stack.environment["DATABASE_URL"]
    name = f"old_{uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    await asyncio.to_thread(command.upgrade, config(url), BEFORE)
    database = Database(url)
    async with database.transaction() as connection_:
        for statement in _OLD:
            await connection_.execute(text(statement))
    await database.close()
    yield url
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


async def test_an_older_book_keeps_every_promise_and_goes_on(old: str) -> None:
    await asyncio.to_thread(upgrade, old)
    database = Database(old)
    async with database.transaction() as connection:
        assert await invariants.check(connection) == []
        assert await held(database) == {
            "expense:penalty": 600,
            "payable:GT": -300,
            "reserved:GT": -200,
            "treasury:bond": -100,
        }
    payment = Payment(
        IN_FLIGHT, 2, "b", 1, PaymentType.PENALTY, 200, Treasury.BOND, "GF", "GT", "x"
    )
    async with database.transaction() as connection:
        # What the new version books for it is what the migration booked: once.
        await ledger.book(connection, reservation(payment, 2))
        await ledger.book_many(connection, spent(payment, "h2", 2, IN_FLIGHT))
    assert await held(database) == {
        "expense:penalty": 600,
        "payable:GT": -300,
        "reserved:GT": 0,
        "treasury:bond": -300,
    }
    await database.close()


async def held(database: Database) -> dict[str, int]:
    async with database.autocommit() as connection:
        rows = await ledger.balances(connection)
    return {row["account"]: row["balance_stroops"] for row in rows}
