"""
Kill anything, in the middle of everything: what was promised is paid once, nothing is lost.

Two hundred outages are replayed over HTTP while every process of the stack is killed with
SIGKILL, one after the other, again and again. The chain's own history is the witness.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from adapters.postgres.database import Database
from adapters.postgres.tables import integrity_checks, outages, payments, postings, violations
from devstack.environment.stack import Stack
from devstack.soak.chain_history import HistoryTransfer
from domain.errors import Unavailable
from tests.testkit.accounting import chain_history
from tests.testkit.stacks import Stacks

OUTAGES = 200
PARTS = ("settlement-worker", "worker", "api", "temporal", "postgres", "stellar")
LIMIT_SECONDS = 420
SEED = 20_261_123


def history_of_outages() -> list[dict[str, Any]]:
    """Make outages that end on either side of their threshold, the same ones every time."""
    luck = random.Random(SEED)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    records = []
    for index in range(OUTAGES):
        started = begin + timedelta(minutes=37 * index)
        ended = started + timedelta(minutes=luck.randint(1, 240), seconds=luck.randint(0, 59))
        records.append(
            {
                "id": f"crash-{index:03}",
                "provider": "Test",
                "site": f"Mast {index}",
                "title": "An outage",
                "severity": luck.choice(["critical", "high", "medium", "low"]),
                "services": ["internet"],
                "started_at": started.isoformat(),
                "resolved_at": ended.isoformat(),
            }
        )
    return records


@pytest.fixture
async def crashing(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Stack]:
    """The journal is checked all the time: it keeps its invariants at every moment, not only in the end."""
    settings = {"INTEGRITY_CHECK_EVERY_SECONDS": "1"}
    # With the database as users have it: the one test that kills it keeps their settings.
    async with stacks.start(
        tmp_path / "data", ledger_seconds=0.5, durable=True, settings=settings
    ) as stack:
        yield stack


async def closed(database: Database) -> int:
    """Count the outages closed so far; while the database is down, that many are not known."""
    try:
        async with database.autocommit() as connection:
            found = await connection.scalar(
                select(func.count()).where(outages.c.status == "closed")
            )
            return found or 0
    except Unavailable:
        return 0


async def kill_everything_by_turns(stack: Stack, database: Database) -> None:
    """Kill one part after the other, each when the replay has come a little further."""
    goal = 0
    for part in PARTS * 2:
        goal += OUTAGES // (len(PARTS) * 2 + 2)
        while await closed(database) < goal:
            await asyncio.sleep(0.1)
        before = stack.restarts.get(part, 0)
        stack.kill(part)
        while stack.restarts.get(part, 0) == before:
            await asyncio.sleep(0.1)


async def replay(stack: Stack, file: Path) -> dict[str, Any]:
    """Run the replay as a user would, and return what it reports."""
    key = stack.environment["BOOTSTRAP_API_KEY"]
    arguments = ["--url", stack.url, "--api-key", key, "--dispute-window", "1", "--json"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "replay", str(file), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (out.decode()[-2000:], err.decode()[-2000:])
    report: dict[str, Any] = json.loads(out.decode().strip().splitlines()[-1])
    return report


async def list_transfers(rpc_url: str) -> list[HistoryTransfer]:
    """Read the chain's history as soon as it is back: it was the last to be killed."""
    while True:
        try:
            return await chain_history.list_transfers(rpc_url)
        except httpx.TransportError:
            await asyncio.sleep(0.1)


async def test_every_process_is_killed_and_nobody_is_paid_twice(
    crashing: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "outages.json"
    file.write_text(json.dumps(history_of_outages()))
    database = Database(crashing.environment["DATABASE_URL"], connections_max=2)
    async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as group:
        playing = group.create_task(replay(crashing, file))
        group.create_task(kill_everything_by_turns(crashing, database))
    assert {part: crashing.restarts.get(part, 0) >= 2 for part in PARTS} == dict.fromkeys(
        PARTS, True
    )
    assert playing.result()["closed"] == OUTAGES

    async with database.autocommit() as connection:
        rows = (await connection.execute(select(payments))).all()
        assert await connection.scalar(select(func.sum(postings.c.amount_stroops))) == 0
        statuses = (await connection.execute(select(outages.c.status))).scalars().all()
        assert (
            await connection.scalar(select(func.count()).select_from(integrity_checks)) or 0
        ) > 5
        assert (await connection.execute(select(violations))).all() == []
    await database.close()
    assert Counter(statuses) == {"closed": OUTAGES}

    async with asyncio.timeout(60):
        seen = await list_transfers(crashing.environment["STELLAR_RPC_URL"])
    assert max(Counter(transfer.number for transfer in seen).values()) == 1
    chain = {(t.hash, t.number, t.amount_stroops, t.payer, t.payee) for t in seen}
    scratch = {
        (r.transaction_hash, r.number, r.amount_stroops, r.from_address, r.to_address) for r in rows
    }
    assert chain == scratch
    assert len(scratch) == OUTAGES
