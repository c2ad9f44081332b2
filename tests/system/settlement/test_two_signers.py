"""
Two settlement workers of one installation share the channels and are killed in turn: nothing is lost or repeated.

Whole outages over HTTP; the chain's own history is the witness.

    KILLS=50 .venv/bin/python -m pytest tests/system/settlement/test_two_signers.py
"""

import asyncio
import os
from collections import Counter
from pathlib import Path

import httpx

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.settlement import circuit_breakers
from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    declare_outage,
    make_unique_id,
    resolve_outage,
    wait_until,
)
from tests.testkit.settlement import signers
from tests.testkit.stacks import Stacks

OUTAGES = 40
# Each of them dies twice; a soak kills more often.
KILLS = int(os.environ.get("KILLS", "4"))
# A few seconds of work between two deaths.
PAUSE_SECONDS = 3.0


class Pair:
    """Two signers; each is started again as soon as it is killed."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.logs = [folder / "first", folder / "second"]
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self, which: int) -> None:
        """Return once it serves."""
        served = self._count_starts(which)
        process = await signers.start_signer(self.stack, self.logs[which])
        self.processes[which : which + 1] = [process]

        async def serves() -> bool:
            assert process.returncode is None, self.logs[which].read_text()[-2000:]
            return self._count_starts(which) > served

        await wait_until(serves, "the signer serves", signers.START_SECONDS)

    def _count_starts(self, which: int) -> int:
        log = self.logs[which]
        return log.read_text().count("ready queues=") if log.exists() else 0

    async def kill_in_turn(self) -> None:
        for n in range(KILLS):
            await asyncio.sleep(PAUSE_SECONDS)
            assert [each.returncode for each in self.processes] == [None, None]
            self.processes[n % 2].kill()
            await self.processes[n % 2].wait()
            await self.start(n % 2)

    async def stop(self) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def owe_outages(caller: httpx.AsyncClient, killing: asyncio.Task[None]) -> list[str]:
    """Let outages end one after the other, for as long as signers are killed and until there are enough."""
    found: list[str] = []
    while len(found) < OUTAGES or not killing.done():
        outage_id = await declare_outage(caller, id=make_unique_id("PAIR"), policy=AT_ONCE)
        await resolve_outage(caller, outage_id, 20 + len(found) % 100)
        found.append(outage_id)
        await asyncio.sleep(0.1)
    await killing
    return found


async def test_two_signers_killed_in_turn_pay_each_once(stacks: Stacks, tmp_path: Path) -> None:
    async with stacks.start(tmp_path / "data", ledger_seconds=0.5, signs=False) as stack:
        pair = Pair(stack, tmp_path)
        client = httpx.AsyncClient(
            base_url=f"{stack.url}/api/v1", headers={"X-API-Key": KEY}, timeout=60, trust_env=False
        )
        try:
            async with client as caller:
                policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "terms": TERMS}
                (await caller.post("/sla/policies", json=policy)).raise_for_status()
                await pair.start(0)
                await pair.start(1)
                killing = asyncio.create_task(pair.kill_in_turn())
                outage_ids = await owe_outages(caller, killing)
                await _wait_until_closed(caller, outage_ids)
        finally:
            await pair.stop()
        await _check(stack, len(outage_ids))


async def _wait_until_closed(caller: httpx.AsyncClient, outage_ids: list[str]) -> None:
    left = set(outage_ids)

    async def look() -> bool:
        for outage_id in sorted(left):
            if (await caller.get(f"/outages/{outage_id}")).json()["lifecycle"] != "closed":
                return False
            left.discard(outage_id)
        return True

    await wait_until(look, "all are paid and closed", 240)


async def _check(stack: Stack, owed: int) -> None:
    seen = await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    transfers = Counter(transfer.number for transfer in seen)
    assert (len(transfers), set(transfers.values())) == (owed, {1})
    assert len({transfer.hash for transfer in seen}) == owed
    database = Database(stack.environment["DATABASE_URL"], connections_max=2)
    async with database.transaction() as connection:
        assert [each for each in await invariants.check(connection) if not each.overdue] == []
        assert not (await circuit_breakers.get_state(connection)).is_open
    await database.close()
