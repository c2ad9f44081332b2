"""A small world for the tests of the box: an issuer, a payer, a few recipients, some channels."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from stellar_sdk import (
    Account,
    Asset,
    FeeBumpTransactionEnvelope,
    Keypair,
    MuxedAccount,
    TransactionBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from sandbox.stellar.client import Box
from sandbox.stellar.genesis import Genesis

Signed = TypeVar("Signed", TransactionEnvelope, FeeBumpTransactionEnvelope)

PASSPHRASE = "Standalone ApexChainx Sandbox ; 2026"
XLM = 10_000_000


def key(name: str) -> Keypair:
    return Keypair.from_raw_ed25519_seed(name.encode().ljust(32, b"."))


ISSUER, PAYER, FEES = key("issuer"), key("payer"), key("fees")
SHOP, FARM = key("shop"), key("farm")
BARE = key("bare")  # exists, trusts nobody
STRANGER = key("stranger")  # does not exist
CHANNELS = [key(f"channel {number}") for number in range(8)]
USDC = Asset("USDC", ISSUER.public_key)
CONTRACT = USDC.contract_id(PASSPHRASE)


def genesis_document() -> dict[str, Any]:
    def row(owner: Keypair, native: int, usdc: int | None) -> dict[str, Any]:
        return {"address": owner.public_key, "native_stroops": native, "usdc_stroops": usdc}

    rows = [
        row(PAYER, 1_000 * XLM, 1_000_000 * XLM),
        row(FEES, 1_000 * XLM, None),
        row(SHOP, 10 * XLM, 0),
        row(FARM, 10 * XLM, 0),
        row(BARE, 10 * XLM, None),
    ]
    rows += [row(channel, 100 * XLM, None) for channel in CHANNELS]
    return {
        "network_passphrase": PASSPHRASE,
        "asset": {"code": "USDC", "issuer": ISSUER.public_key},
        "accounts": rows,
    }


@dataclass
class Desk:
    """Somebody who builds, signs and sends payments against one server."""

    server: SorobanServerAsync

    def builder(self, source: Keypair, sequence: int, fee: int = 1_000) -> TransactionBuilder:
        account = Account(source.public_key, sequence - 1)
        return TransactionBuilder(account, PASSPHRASE, fee).add_time_bounds(0, 0)

    def payment(
        self, channel: Keypair, sequence: int, *amounts: tuple[Keypair, str], **bounds: int
    ) -> TransactionEnvelope:
        """A signed classic batch out of the payer's pocket, on a channel."""
        builder = self.builder(channel, sequence, bounds.pop("fee", 1_000))
        for target, amount in amounts or ((SHOP, "2.5"),):
            builder.append_payment_op(target.public_key, USDC, amount, PAYER.public_key)
        if bounds:
            builder.set_ledger_bounds(0, bounds["max_ledger"])
        return sign(builder.build(), channel, PAYER)

    async def transfer(
        self,
        channel: Keypair,
        sequence: int,
        target: str = SHOP.public_key,
        stroops: int = 25,
        fee: int = 1_000,
    ) -> TransactionEnvelope:
        """A signed and simulated transfer through the asset's contract."""
        args = [
            scval.to_address(PAYER.public_key),
            scval.to_address(target),
            scval.to_int128(stroops),
        ]
        builder = self.builder(channel, sequence, fee)
        builder.append_invoke_contract_function_op(
            CONTRACT, "transfer", args, source=PAYER.public_key
        )
        prepared = await self.server.prepare_transaction(builder.build())
        return sign(prepared, channel, PAYER)

    async def held(self, owner: Keypair) -> int:
        """What the asset's contract says that somebody holds."""
        builder = self.builder(FEES, 1)
        args = [scval.to_address(owner.public_key)]
        builder.append_invoke_contract_function_op(CONTRACT, "balance", args)
        answer = await self.server.simulate_transaction(builder.build())
        assert answer.results is not None
        return scval.from_int128(answer.results[0].xdr)

    async def send(self, envelope: Any) -> str:
        """The status, followed by the result code where there is one."""
        answer = await self.server.send_transaction(envelope)
        if answer.error_result_xdr is None:
            return answer.status.name
        result = xdr.TransactionResult.from_xdr(answer.error_result_xdr).result
        return f"{answer.status.name} {result.code.name}"

    async def outcome(self, envelope: Any) -> str:
        """What became of a transaction: NOT_FOUND, SUCCESS or FAILED."""
        return str((await self.server.get_transaction(envelope.hash_hex())).status.value)


def sign(envelope: Signed, *signers: Keypair) -> Signed:
    for signer in signers:
        envelope.sign(signer)
    return envelope


def bump(envelope: TransactionEnvelope, fee: int) -> FeeBumpTransactionEnvelope:
    """The same transaction with a better bid, paid by somebody else."""
    return sign(
        TransactionBuilder.build_fee_bump_transaction(FEES, fee, envelope, PASSPHRASE), FEES
    )


def muxed(owner: Keypair, tag: int) -> str:
    return str(MuxedAccount(owner.public_key, tag).account_muxed)


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box(Genesis.parse(genesis_document()))
    yield made
    made.network.close()


@pytest.fixture
def desk(box: Box) -> Desk:
    return Desk(SorobanServerAsync("http://in-process", box.client()))


class Process:
    """The box as a user starts it: a process and a port."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory, self.options = directory, options
        self.genesis = directory / "genesis.json"
        if not self.genesis.exists():
            self.genesis.write_text(json.dumps(genesis_document()))
        self.url = ""
        self.child: asyncio.subprocess.Process | None = None

    async def start(self) -> Process:
        self.child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sandbox.stellar",
            *("--genesis", str(self.genesis), "--data-dir", str(self.directory / "ledger")),
            *("--port", "0", *self.options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self.child.stdout is not None
        line = (await self.child.stdout.readline()).decode().split()
        self.url = line[1] if line else ""
        return self

    async def stop(self) -> int:
        assert self.child is not None
        if self.child.returncode is None:
            self.child.terminate()
        await self.child.communicate()
        return self.child.returncode or 0

    async def kill(self) -> None:
        assert self.child is not None
        self.child.kill()
        await self.child.communicate()


@pytest.fixture(scope="session")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Process]:
    directory = tmp_path_factory.mktemp("stellar")
    made = await Process(directory, "--close-seconds", "0.2").start()
    yield made
    await made.stop()
