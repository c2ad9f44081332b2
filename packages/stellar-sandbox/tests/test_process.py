"""The sandbox as a user runs it: a process, a port, and a ledger on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from stellar_sdk import Keypair, xdr
from stellar_sdk.exceptions import SorobanRpcErrorResponse
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox import Genesis, StellarSandbox
from stellar_sandbox.testing.accounts import (
    CHANNELS,
    PASSPHRASE,
    SHOP,
    STRANGER,
    USDC,
    build_muxed_address,
)
from stellar_sandbox.testing.process import SandboxProcess
from stellar_sandbox.testing.wallet import Wallet


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while True:
            if await check():
                return
            await asyncio.sleep(0.05)


async def next_sequence(server: SorobanServerAsync, owner: Keypair) -> int:
    return (await server.load_account(owner.public_key)).sequence + 1


async def read_balance(server: SorobanServerAsync) -> int:
    key = xdr.LedgerKey(
        xdr.LedgerEntryType.TRUSTLINE,
        trust_line=xdr.LedgerKeyTrustLine(
            account_id=SHOP.xdr_account_id(), asset=USDC.to_trust_line_asset_xdr_object()
        ),
    )
    found = await server.get_ledger_entries([key])
    assert found.entries is not None
    line = xdr.LedgerEntryData.from_xdr(found.entries[0].xdr).trust_line
    assert line is not None
    return line.balance.int64


async def test_every_answer_is_one_the_sdk_understands(process: SandboxProcess) -> None:
    async with SorobanServerAsync(process.url) as server:
        assert (await server.get_health()).status == "healthy"
        assert (await server.get_network()).passphrase == PASSPHRASE
        assert (await server.get_version_info()).protocol_version >= 27
        assert (await server.get_fee_stats()).inclusion_fee.min == 100
        latest = await server.get_latest_ledger()
        header = xdr.LedgerHeader.from_xdr(latest.header_xdr)
        assert header.ledger_seq.uint32 == latest.sequence
        xdr.LedgerCloseMeta.from_xdr(latest.metadata_xdr)
        account = await server.load_account(SHOP.public_key)
        assert account.sequence == 0


async def test_payments_by_both_ways_over_a_real_port(process: SandboxProcess) -> None:
    async with SorobanServerAsync(process.url) as server:
        wallet = Wallet(server)
        before = await read_balance(server)
        first, second = [await next_sequence(server, channel) for channel in CHANNELS[:2]]
        transfer = await wallet.build_transfer(CHANNELS[0], first, build_muxed_address(SHOP, 7), 5)
        payment = wallet.build_payment(CHANNELS[1], second, (SHOP, "0.0000020"))
        assert await wallet.send(transfer) == await wallet.send(payment) == "PENDING"

        async def done() -> bool:
            outcomes = {await wallet.read_status(transfer), await wallet.read_status(payment)}
            return outcomes == {"SUCCESS"}

        await until(done)
        assert await read_balance(server) == before + 25


async def test_one_page_per_ledger_shows_every_payment(process: SandboxProcess) -> None:
    async with SorobanServerAsync(process.url) as server:
        wallet = Wallet(server)
        start = (await server.get_latest_ledger()).sequence
        sent = [
            wallet.build_payment(channel, await next_sequence(server, channel))
            for channel in CHANNELS
        ]
        for envelope in sent:
            assert await wallet.send(envelope) == "PENDING"
        seen: list[str] = []
        page = await server.get_transactions(start_ledger=start, limit=3)
        seen += [item.transaction_hash for item in page.transactions]

        async def all_seen() -> bool:
            nonlocal page
            page = await server.get_transactions(cursor=page.cursor, limit=3)
            seen.extend(item.transaction_hash for item in page.transactions)
            return {envelope.hash_hex() for envelope in sent} <= set(seen)

        await until(all_seen)
        with pytest.raises(SorobanRpcErrorResponse, match="start ledger must be between"):
            await server.get_transactions(start_ledger=10_000_000)


async def test_a_payment_outlives_a_killed_process(tmp_path: Path) -> None:
    process = await SandboxProcess(tmp_path, "--close-seconds", "0.1").start()
    async with SorobanServerAsync(process.url) as server:
        wallet = Wallet(server)
        envelope = wallet.build_payment(CHANNELS[0], 1)
        await wallet.send(envelope)

        async def done() -> bool:
            return await wallet.read_status(envelope) == "SUCCESS"

        await until(done)
        before = await server.get_latest_ledger()
        await process.kill()

    process = await SandboxProcess(tmp_path, "--close-seconds", "0.1").start()
    try:
        async with SorobanServerAsync(process.url) as server:
            assert await Wallet(server).read_status(envelope) == "SUCCESS"
            assert (await server.load_account(CHANNELS[0].public_key)).sequence == 1
            assert await read_balance(server) == 25_000_000
            after = await server.get_latest_ledger()
            assert after.sequence >= before.sequence
            assert await Wallet(server).send(envelope) == "ERROR txBAD_SEQ"
    finally:
        assert await process.stop() == 0


async def test_what_only_waited_is_forgotten_by_a_killed_process(tmp_path: Path) -> None:
    process = await SandboxProcess(tmp_path, "--close-seconds", "0").start()
    envelope = Wallet(SorobanServerAsync("http://nowhere")).build_payment(CHANNELS[0], 1)
    async with SorobanServerAsync(process.url) as server:
        assert await Wallet(server).send(envelope) == "PENDING"
        await process.kill()
    sandbox = StellarSandbox(Genesis.read(process.genesis), data_dir=process.data_dir)
    server = SorobanServerAsync("http://in-process", sandbox.create_client())
    assert await Wallet(server).send(envelope) == "PENDING"
    sandbox.close()


async def test_the_friendbot_makes_an_account_once(process: SandboxProcess) -> None:
    async with aiohttp.ClientSession() as session, SorobanServerAsync(process.url) as server:
        url = f"{process.url}/friendbot?addr={STRANGER.public_key}"
        async with session.get(url) as first:
            assert first.status == 200
        async with session.get(url) as second:
            assert second.status == 400
        account = await server.load_account(STRANGER.public_key)
        assert account.sequence >> 32 > 0


async def test_every_node_has_its_path(process: SandboxProcess) -> None:
    for path in ("/node/0", "/node/1", "/node/2"):
        async with SorobanServerAsync(process.url + path) as server:
            assert (await server.get_health()).status == "healthy"
