"""Engines that claim the channels of one chain in memory, on databases that are copies of the first."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

import psycopg
import pytest

from activities.networks import ChainReadings
from activities.settlement.channels import ChannelClaim
from activities.settlement.limits import SigningGate
from adapters.postgres.database import Database
from adapters.stellar.accounts.claims import ClaimAccount
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from adapters.stellar.signing.fee_bumps import FEE_CAP_STROOPS
from domain.errors import ChannelsClaimed
from domain.networks import ReadingBound
from domain.reasons import ReasonCode
from domain.settlement.channels import ClaimTimes
from stellar_sandbox.client import StellarSandbox
from tests.adapters.stellar.conftest import KEYS, build_nodes
from tests.testkit.accounting.fake_chain_history import FakeChainHistory

CLOSE_SECONDS = 0.05
TIMES = ClaimTimes(0.1)


class Engine:
    """The claim of one settlement worker, and its gate."""

    def __init__(
        self, database: Database, box: StellarSandbox, *, takes_over: bool = False
    ) -> None:
        self.nodes: Nodes = build_nodes(box)
        passphrase = box.network.passphrase
        account = ClaimAccount(self.nodes, passphrase, KEYS, FEE_CAP_STROOPS, 0.02)
        history: Any = FakeChainHistory()
        bound = ReadingBound(0, timedelta(hours=1))
        self.readings = ChainReadings(database, cast(TreasuryHistory, history), bound)
        self.claim = ChannelClaim(
            *(database, account, self.readings, TIMES, "a worker of this test"),
            takes_over=takes_over,
        )
        self.gate = SigningGate(database, claim=self.claim, passphrase=passphrase)
        self.task: asyncio.Task[None] = asyncio.create_task(self.claim.run())

    async def establish(self) -> None:
        async with asyncio.timeout(30):
            await self.claim.established.wait()
        assert await self.gate.pause() is None

    async def end(self) -> str:
        """Wait until it stops, and return the sentence."""
        async with asyncio.timeout(30):
            with pytest.raises(ChannelsClaimed) as stopped:
                await self.task
        paused = await self.gate.pause()
        assert paused is not None
        assert paused.reason.code is ReasonCode.CLAIM_UNCONFIRMED
        return str(stopped.value)

    async def kill(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError, ChannelsClaimed):
            await self.task


class Place:
    """One chain, and databases that are copies of the first."""

    def __init__(self, url: str, box: StellarSandbox) -> None:
        self.url = url
        self.box = box
        self.original = Database(url, connections_max=6)
        self.databases = [self.original]
        self.engines: list[Engine] = []

    async def copy(self) -> Database:
        """Copy the original's database as it is now; its own connections are opened again later."""
        await self.original.close()
        server, _, name = self.url.rpartition("/")
        copied = f"{name}_copy{len(self.databases)}"

        def make() -> None:
            with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
                order = f'CREATE DATABASE "{copied}" TEMPLATE "{name}" STRATEGY FILE_COPY'
                connection.execute(order.encode())

        await asyncio.to_thread(make)
        self.databases.append(Database(f"{server}/{copied}", connections_max=6))
        return self.databases[-1]

    def start(self, database: Database, *, takes_over: bool = False) -> Engine:
        self.engines.append(Engine(database, self.box, takes_over=takes_over))
        return self.engines[-1]

    async def close(self) -> None:
        for engine in self.engines:
            await engine.kill()
        server, _, name = self.url.rpartition("/")
        for n, database in enumerate(self.databases):
            await database.close()
            if n:
                with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
                    order = f'DROP DATABASE "{name}_copy{n}" WITH (FORCE)'
                    connection.execute(order.encode())


async def close_ledgers(box: StellarSandbox) -> None:
    while True:
        await asyncio.sleep(CLOSE_SECONDS)
        box.close_ledger()
