"""A newcomer's first minute: the demo proves what it shows, joins what runs, and leaves nothing behind."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from devstack.demo.webhook_receiver import (
    PATH,
    DemoReceiver,
    Reception,
    is_alive,
    is_demo,
)
from devstack.environment.stack import Stack
from devstack.processes.data_dir import DataDirectory
from devstack.processes.ports import LOOPBACK, free
from domain.webhooks import encode_secret
from tests.testkit.webhook_receiver import sign_message

LIMIT_SECONDS = 100


@dataclass
class Ending:
    code: int | None
    said: str
    complained: str


async def demo(
    directory: Path, *arguments: str, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> Ending:
    command = [sys.executable, "-m", "cli.main", "demo", "--exit", "--data-dir", str(directory)]
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"COLUMNS": "180"},
    )
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            if meanwhile:
                await meanwhile()
            said, complained = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ending(process.returncode, said.decode(), complained.decode())


async def test_it_proves_three_settlements_and_leaves_nothing_behind(
    surroundings: None, tmp_path: Path
) -> None:
    pids: dict[str, int] = {}

    async def note_pids() -> None:
        while not {"api", "settlement-worker"} <= pids.keys():
            await asyncio.sleep(0.1)
            if running := DataDirectory(tmp_path).running():
                pids.update(running.pids)

    ending = await demo(tmp_path, "--port", str(free()), meanwhile=note_pids)

    assert ending.code == 0, ending.said + ending.complained
    assert ending.said.count("Closed: nothing is left to do") >= 3
    for amount in ("+1,500 USDC", "−3,000 USDC", "−2,500 USDC", "+1,125 USDC"):
        assert amount in ending.said
    assert ending.said.count("On the chain: SUCCESS in ledger") == 3
    for count in (6, 9):
        assert f"{count} of {count} received, signature verified, answered 204" in ending.said
    assert "accounts of the journal sum to zero" in ending.said
    assert "\x1b" not in ending.said
    assert [name for name, pid in pids.items() if psutil.pid_exists(pid)] == []


async def test_it_joins_a_running_stack_and_cleans_up_after_a_killed_demo(
    stack: Stack, api: httpx.AsyncClient
) -> None:
    dead = f"http://{LOOPBACK}:{free()}{PATH}"
    subscription = {"url": dead, "events": ["outage.created"]}
    assert (await api.post("/webhooks", json=subscription)).status_code == 201

    ending = await demo(stack.directory.path)

    assert ending.code == 0, ending.said + ending.complained
    assert f"ApexChainx runs here already, at {stack.url}" in ending.said
    assert stack.pids
    urls = [each["url"] for each in (await api.get("/webhooks")).json()]
    assert [url for url in urls if is_demo(url)] == []


async def test_it_says_what_is_missing(stack: Stack) -> None:
    ending = await demo(stack.directory.path, "--time-limit", "2")
    assert ending.code == 1
    assert "Not everything was proven: met-" in ending.said


async def test_a_port_asked_for_and_taken_is_an_error(surroundings: None, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        ending = await demo(tmp_path, "--port", str(port))
    assert ending.code == 1
    assert f"port {port} is taken" in ending.complained


@pytest.mark.parametrize("genuine", [True, False])
async def test_the_receiver_believes_only_what_is_signed(genuine: bool) -> None:
    heard: list[Reception] = []
    receiver = DemoReceiver(heard.append)
    await receiver.start()
    try:
        body = b'{"type": "outage.created", "data": {"outage_id": "met-1"}}'
        secret = receiver.secret if genuine else encode_secret(bytes(32))
        async with httpx.AsyncClient(trust_env=False) as client:
            signed = sign_message(secret, "evt_1", int(time.time()), body)
            answer = await client.post(receiver.url, content=body, headers=signed)
        assert answer.status_code == (204 if genuine else 401)
        assert [each.verified for each in heard] == [genuine]
        assert await is_alive(receiver.url)
        url = receiver.url
    finally:
        await receiver.stop()
    assert not await is_alive(url)
