"""The drill of docs/how-to/back-up-and-restore.md: every command of the page, on a stack that loses its database and its workflows."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from devstack.environment.stack import Stack
from devstack.environment.stack_options import StackOptions
from devstack.processes.ports import free
from tests.conftest import KEY
from tests.testkit.accounting.chain_history import list_transfers
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    build_outage,
    resolve_outage,
    settle_outage,
    wait_until,
)
from tests.testkit.recovery.databases import drop_database, get_name, name_other
from tests.testkit.stacks import Stacks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/back-up-and-restore.md"
OWED_STROOPS = 10_000_000_000  # of an outage of 25 minutes where 15 were promised
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


def open_stack(directory: Path, *, signs: bool) -> Stack:
    return Stack(StackOptions(directory, free(), ledger_seconds=0.25, signs=signs))


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


async def publish_policy(api: httpx.AsyncClient) -> None:
    policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "decision_window_seconds": 1}
    (await api.post("/sla/policies", json=policy | {"terms": TERMS})).raise_for_status()


async def test_the_drill(url: str, tmp_path: Path) -> None:
    back_up, prove, report, apply, look = read_commands()
    directory = tmp_path / "data"
    lost = build_outage(policy=AT_ONCE)
    stack = open_stack(directory, signs=True)
    await stack.start()
    try:
        async with open_client(stack) as api:
            await publish_policy(api)
            kept = await settle_outage(api, 25)
            said = await type_commands(stack, tmp_path, back_up, prove)
            assert "1 of them confirmed: 1000 USDC" in said
            assert "every table is as it was backed up" in said
            paid_since = await settle_outage(api, 25, **lost)
        await lose_everything(stack, url, directory)
        said = await type_commands(stack, tmp_path, report)
        assert "does not exist, and is made" in said
        assert "1 transfers of 1000 USDC left the treasuries" in said
        said = await type_commands(stack, tmp_path, apply, look)
        assert "restored and compared, table by table" in said
        assert re.search(r"^clean, ", said, re.MULTILINE), said
        paid = await list_transfers(stack.environment["STELLAR_RPC_URL"])
    finally:
        await stack.stop()
    assert [each.amount_stroops for each in paid] == [OWED_STROOPS, OWED_STROOPS]
    assert paid[0].number != paid[1].number
    assert kept["payment"]["transaction_hash"] != paid_since["payment"]["transaction_hash"]
    await check_what_came_back(directory, kept["id"], lost)


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


async def check_what_came_back(directory: Path, kept_id: str, lost: dict[str, object]) -> None:
    """What the backup had is there; what it had not is brought back by its caller's repetition."""
    # Without the signer: it must have read the chain up to the restoration before it signs.
    stack = open_stack(directory, signs=False)
    await stack.start()
    try:
        async with open_client(stack) as api:
            known = (await api.get(f"/outages/{kept_id}")).json()
            assert known["lifecycle"] == "closed"
            assert (await api.get(f"/outages/{lost['id']}")).status_code == 404
            again = await api.post("/outages", json=lost)
            assert again.status_code == 201, again.text
            await resolve_outage(api, str(lost["id"]), 25)
            owed = (await api.get(f"/outages/{lost['id']}")).json()
            assert owed["lifecycle"] in ("disputable", "settling")

            async def is_noticed() -> bool:
                shown = (await api.get("/reconciliation")).json()
                return bool(shown["matched_transfers"] >= 1)

            await wait_until(is_noticed, "the chain is read", 60)
    finally:
        await stack.stop()
