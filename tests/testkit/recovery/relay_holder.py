"""Keeps the relay of a stack at rest, while tests take payments through their steps themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from adapters.postgres.recovery.unfinished import LOCK_KEY

# Whoever holds the lock loses its connection, and tries again after some seconds: by then it is taken.
_END_RELAY = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32 | objid::bigint) = %s
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@asynccontextmanager
async def hold_relay(url: str) -> AsyncIterator[None]:
    """
    Hold the lock of the relay until the block ends. It would take a payment whose workflow does not run for
    lost, and start the workflow: it signs and pays what a test is about to sign.
    """
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while not await _take(connection):
            await connection.execute(_END_RELAY, [LOCK_KEY])
        yield


async def _take(connection: psycopg.AsyncConnection) -> bool:
    rows = await connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
    return (await rows.fetchone()) == (True,)
