"""The worker that signs does not start on a network other than the one of its book."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime

import httpx
from sqlalchemy import update

from adapters.postgres import networks as records
from adapters.postgres.database import Database
from adapters.postgres.tables import networks
from sandbox.stack import Stack
from tests.support import eventually


def settings(stack: Stack, **changes: str) -> dict[str, str]:
    seeds = json.loads((stack.directory.path / "stellar-keys.json").read_text())["seeds"]
    given = {
        f"STELLAR_{name.upper()}_SEED": seeds[name]
        for name in ("bond", "pool", "channels", "fees", "operator")
    }
    return dict(os.environ) | stack.environment | given | changes


async def refusal(environment: dict[str, str]) -> str:
    """Start a worker that will not run; return what it says last."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "worker", "--queues", "settlement"),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    return said.decode().strip().splitlines()[-1]


async def test_a_network_that_was_reset_stops_the_worker(
    api: httpx.AsyncClient, stack: Stack, database: Database
) -> None:
    passphrase = stack.environment["STELLAR_NETWORK_PASSPHRASE"]

    async def known() -> bool:
        async with database.autocommit() as connection:
            return await records.known(connection, passphrase) is not None

    await eventually(known, "the running worker has told the book of its network")
    async with database.autocommit() as connection:
        before = await records.known(connection, passphrase)
        assert before is not None
        # As if the book had been settled on a longer chain that ended years ago.
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        await connection.execute(update(networks).values(ledger=10**9, closed_at=long_ago))
    try:
        said = await refusal(settings(stack))
    finally:
        async with database.autocommit() as connection:
            await connection.execute(
                update(networks).values(ledger=before.ledger, closed_at=before.closed_at)
            )
    assert said.startswith("Cannot go on: node 1 (127.0.0.1) shows that the network went backwards")


async def test_another_network_stops_the_worker(api: httpx.AsyncClient, stack: Stack) -> None:
    said = await refusal(settings(stack, STELLAR_NETWORK_PASSPHRASE="Another ; 2026"))
    assert "node 1 (127.0.0.1) serves" in said
    assert "not 'Another ; 2026'" in said


async def test_a_list_with_one_bad_address_stops_the_worker(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    good = stack.environment["STELLAR_RPC_URL"]
    said = await refusal(settings(stack, STELLAR_RPC_URL=f"{good},ftp://elsewhere"))
    assert "STELLAR_RPC_URL" in said
