"""Measure the CPU milliseconds that the sandbox needs for a payment, over all of its requests.

Not a test: run `python tests/measure_payments.py [payments per second] [seconds]`.
Each payment is one simulateTransaction and one sendTransaction; four getTransactions a second
watch for all of them together.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil
from stellar_sdk import Keypair
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.testing.accounts import CHANNELS, SHOP, build_muxed_address, derive_keypair
from stellar_sandbox.testing.process import SandboxProcess
from stellar_sandbox.testing.wallet import Wallet

MORE_CHANNELS = [*CHANNELS, *(derive_keypair(f"extra {number}") for number in range(200))]


async def main(per_second: int, seconds: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        process = await SandboxProcess(Path(directory)).start()
        try:
            await _measure(process, per_second, seconds)
        finally:
            await process.stop()


async def _measure(process: SandboxProcess, per_second: int, seconds: int) -> None:
    assert process.child is not None
    watched = psutil.Process(process.child.pid)
    async with SorobanServerAsync(process.url) as server:
        wallet = Wallet(server)
        channels = await _open_channels(server, process.url, per_second * 3)
        before, start = watched.cpu_times(), time.monotonic()
        watch = asyncio.create_task(_watch(server))
        sent: list[str] = []
        for number in range(per_second * seconds):
            channel, sequence = channels[number % len(channels)]
            channels[number % len(channels)] = (channel, sequence + 1)
            envelope = await wallet.build_transfer(
                channel, sequence + 1, build_muxed_address(SHOP, number)
            )
            assert await wallet.send(envelope) == "PENDING"
            sent.append(envelope.hash_hex())
            await asyncio.sleep(max(0.0, start + (number + 1) / per_second - time.monotonic()))
        await asyncio.sleep(2.5)
        watch.cancel()
        after, passed = watched.cpu_times(), time.monotonic() - start
        latest = await server.get_transaction(sent[-1])
    user, system = after.user - before.user, after.system - before.system
    each = 1_000 * (user + system) / len(sent)
    print(f"{len(sent)} payments in {passed:.1f} s, the last one {latest.status.value}")
    print(f"{each:.2f} ms of CPU each ({1_000 * user / len(sent):.2f} user), all closes included")


async def _open_channels(
    server: SorobanServerAsync, url: str, count: int
) -> list[tuple[Keypair, int]]:
    for channel in MORE_CHANNELS[len(CHANNELS) : count]:
        await server._client.get(f"{url}/friendbot", {"addr": channel.public_key})
    opened = []
    for channel in MORE_CHANNELS[:count]:
        opened.append((channel, (await server.load_account(channel.public_key)).sequence))
    return opened


async def _watch(server: SorobanServerAsync) -> None:
    page = await server.get_transactions((await server.get_latest_ledger()).sequence)
    while True:
        await asyncio.sleep(0.25)
        page = await server.get_transactions(cursor=page.cursor, limit=200)


if __name__ == "__main__":
    rate, duration = (int(word) for word in (sys.argv[1:] + ["40", "10"][len(sys.argv) - 1 :]))
    asyncio.run(main(rate, duration))
