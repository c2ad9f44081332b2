"""The drill of docs/how-to/back-up-and-restore.md: every command of the page, on a stack that loses its database and its workflows."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from devstack.environment.stack import QUEUES, Stack
from devstack.environment.stack_options import StackOptions
from devstack.processes.ports import free
from devstack.processes.programs import Program
from tests.conftest import KEY
from tests.testkit.accounting.chain_history import list_transfers
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    build_outage,
    declare_outage,
    resolve_outage,
    settle_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.recovery.databases import drop_database, get_name, name_other
from tests.testkit.stacks import Stacks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/back-up-and-restore.md"
OWED_STROOPS = 10_000_000_000  # of an outage of 25 minutes where 15 were promised
CIRCUIT_BREAKER = "/payments/circuit-breaker"
SERVICES = ("api", "worker", "settlement-worker")


def read_commands() -> list[str]:
    """The blocks of commands of the page, in their order."""
    return re.findall(r"^ *```sh\n(.+?)^ *```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
async def url(
    stacks: Stacks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """A database that stays when the services stop, as that of a server of its own."""
    async with stacks.start_postgres(tmp_path / "server") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


def open_client(stack: Stack) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1", headers={"X-API-Key": KEY}, timeout=30, trust_env=False
    )


async def type_commands(stack: Stack, folder: Path, *blocks: str) -> str:
    """Run them as an operator does whose settings are those of the analytics worker; return what they print."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-euc", "\n".join(blocks)],
        check=False,
        cwd=folder,
        env=os.environ | stack.environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


async def switch(api: httpx.AsyncClient, action: str) -> None:
    body = {"action": action, "reason": "the drill"}
    (await api.post(CIRCUIT_BREAKER, json=body)).raise_for_status()


@dataclass(frozen=True)
class Before:
    """Outages of the time before the disaster, and the transactions that paid those that were paid."""

    on_hold: str  # owed in the backup, paid after it
    judged: str  # declared in the backup, judged and paid after it
    open: str  # declared in the backup, and not yet judged
    lost: dict[str, object]  # declared and paid after the backup
    receipts: dict[str, str]


async def live(stack: Stack, folder: Path, api: httpx.AsyncClient) -> Before:
    """Settle, back up, settle more than the backup knows, and look at what a restore would lose."""
    back_up, prove, report, *_ = read_commands()
    policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "decision_window_seconds": 1}
    (await api.post("/sla/policies", json=policy | {"terms": TERMS})).raise_for_status()
    kept = await settle_outage(api)
    await switch(api, "open")
    on_hold, judged, unjudged = [await declare_outage(api, policy=AT_ONCE) for _ in range(3)]
    await resolve_outage(api, on_hold)
    await wait_for_lifecycle(api, on_hold, "settling")
    said = await type_commands(stack, folder, back_up, prove)
    assert "1 of them confirmed: 1000 USDC" in said
    assert "every table is as it was backed up" in said
    await switch(api, "close")
    await resolve_outage(api, judged)
    lost = build_outage(policy=AT_ONCE)
    await settle_outage(api, **lost)
    paid = [str(kept["id"]), on_hold, judged, str(lost["id"])]
    receipts = await read_receipts(api, paid)
    said = await type_commands(stack, folder, report)
    assert f"1 outages were declared after the backup: {lost['id']}" in said
    assert "2 payments of 2000 USDC were owed, and 3 of 3000 USDC confirmed, after it" in said
    return Before(on_hold, judged, unjudged, lost, receipts)


async def read_receipts(api: httpx.AsyncClient, outage_ids: Iterable[str]) -> dict[str, str]:
    """Wait until these outages are closed; return the transaction that paid each."""
    receipts = {}
    for outage_id in outage_ids:
        await wait_for_lifecycle(api, outage_id, "closed", 90)
        found = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
        (receipts[outage_id],) = [each["transaction_hash"] for each in found]
    return receipts


async def test_the_drill(url: str, tmp_path: Path) -> None:
    _, _, report, apply, look, recover = read_commands()
    directory = tmp_path / "data"
    stack = Stack(StackOptions(directory, free(), ledger_seconds=0.25))
    await stack.start()
    try:
        async with open_client(stack) as api:
            before = await live(stack, tmp_path, api)
            await lose_everything(stack, url, directory)
            said = await type_commands(stack, tmp_path, report)
            assert "does not exist, and is made" in said
            assert "3 transfers of 3000 USDC left the treasuries" in said
            said = await type_commands(stack, tmp_path, apply, look)
            assert "restored and compared, table by table" in said
            assert re.search(r"^clean, ", said, re.MULTILINE), said
            await start_parts(stack, stack._api())
            said = await type_commands(stack, tmp_path, recover)
            for outage_id in (before.on_hold, before.judged, before.open):
                assert re.search(rf"^outage/{outage_id}: .*; started again$", said, re.MULTILINE)
            # The payment that is on hold is its outage's to make, or has a workflow again as well.
            assert "outage: 3 lost, 3 started" in said
            await start_parts(stack, *map(stack._worker, QUEUES))
            await check_what_came_back(stack, api, before)
            said = await type_commands(stack, tmp_path, look)
            assert re.search(r"^clean, ", said, re.MULTILINE), said
    finally:
        await stack.stop()


async def lose_everything(stack: Stack, url: str, directory: Path) -> None:
    """The services stop, then the database is gone, and all that the workflow server knew; not the chain."""
    for names in (SERVICES, ("temporal",)):
        await stack._running.stop(names)
    await asyncio.to_thread(forget, url, directory)


def forget(url: str, directory: Path) -> None:
    drop_database(name_other(url, "postgres"), get_name(url))
    remembered = list(directory.glob("temporal.db*"))
    assert remembered
    for file in remembered:
        file.unlink()


async def start_parts(stack: Stack, *programs: Program) -> None:
    """Start these, after the workflow server, which remembers nothing."""
    assert stack._services is not None
    if "temporal" not in stack.pids:
        await stack._services.start_temporal(stack._running)
    for program in programs:
        await stack._running.start(program)


async def check_what_came_back(stack: Stack, api: httpx.AsyncClient, before: Before) -> None:
    """What was paid keeps its receipt, what is owed gets paid, and the chain has seen each payment once."""
    assert (await api.get(f"/outages/{before.lost['id']}")).status_code == 404
    # Its caller repeats what the backup does not know.
    assert (await api.post("/outages", json=before.lost)).status_code == 201
    for outage_id in (str(before.lost["id"]), before.judged, before.open):
        await resolve_outage(api, outage_id)

    # The backup was taken while the circuit breaker was open; a person closes whatever opens.
    async def is_settled() -> bool:
        if (await api.get(CIRCUIT_BREAKER)).json()["is_open"]:
            await switch(api, "close")
        shown = [
            (await api.get(f"/outages/{each}")).json() for each in [*before.receipts, before.open]
        ]
        return {each["lifecycle"] for each in shown} == {"closed"}

    await wait_until(is_settled, "all are closed", 120)
    assert await read_receipts(api, before.receipts) == before.receipts
    ((_, receipt),) = (await read_receipts(api, [before.open])).items()
    paid = await list_transfers(stack.environment["STELLAR_RPC_URL"])
    assert len({each.number for each in paid}) == len(paid) == len(before.receipts) + 1
    assert {each.amount_stroops for each in paid} == {OWED_STROOPS}
    assert {each.hash for each in paid} == {*before.receipts.values(), receipt}
