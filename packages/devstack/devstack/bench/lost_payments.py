"""
Payments that are made after a backup was taken, and what a restored database makes of them: each is to be
recognised on the chain, which is one of the benchmark's own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from activities.networks import ChainReadings
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from devstack.bench.settlement_bench import LEDGER_SECONDS, SettlementBench, open_bench
from devstack.bench.settlement_throughput import LIMITS
from devstack.environment.stellar_network import StellarNetwork
from devstack.processes import ports
from devstack.processes.child_processes import Process
from domain.errors import TryAgain
from domain.networks import ReadingBound
from domain.settlement.attempts import AlreadyPaid
from domain.settlement.payments import Payment
from domain.sla.agreements.agreements import Agreement
from domain.sla.execution_modes import ExecutionMode
from services.settlement.channels.begin_settlement import BeginSettlement, begin_settlement

# As many payments as a worker has in hand at once.
IN_FLIGHT = 20
_CONFIRMED = text("SELECT id, transaction_hash FROM payments WHERE id = ANY(:ids)")


@dataclass(frozen=True)
class Recognition:
    """
    Seconds until the chain was read, until everything it has paid was confirmed, and until new bytes might have been
    signed; `count` payments have the transaction that made them before the disaster.
    """

    count: int
    read: float
    confirm: float
    wait: float


@asynccontextmanager
async def run_network(folder: Path) -> AsyncIterator[StellarNetwork]:
    """Run a chain in a box of its own until the block ends."""
    network = StellarNetwork(folder, ports.free(), LEDGER_SECONDS)
    await network.make()
    process = Process(network.program(), folder / "logs")
    await process.start()
    try:
        yield network
    finally:
        await process.stop()


def make_agreement(network: StellarNetwork) -> Agreement:
    """Return the agreement of parties that exist there."""
    parties = ("BOND", "POOL", "PROVIDER", "BENEFICIARY")
    addresses = [network.environment[f"STELLAR_{party}_ADDRESS"] for party in parties]
    return Agreement("default", *addresses)


async def read_hashes(database: Database, payments: Sequence[Payment]) -> dict[str, str | None]:
    """Return the transaction that made each payment; None for one that is not made."""
    async with database.autocommit() as connection:
        rows = await connection.execute(_CONFIRMED, {"ids": [each.id for each in payments]})
        return {row.id: row.transaction_hash for row in rows}


@asynccontextmanager
async def open_house(network: StellarNetwork, database_url: str) -> AsyncIterator[SettlementBench]:
    """Open a database and the rail of the network, as a settlement worker that starts does."""
    environment = network.environment | network.nodes | {"DATABASE_URL": database_url}
    async with open_bench(network.directory, environment) as opened:
        house = replace(opened, rpc_url=network.url)
        known = (await house.rail.read_channels()).sequences
        last = house.rail.nodes.highest + LEDGERS_TO_LIVE
        begin = BeginSettlement(known, ExecutionMode.LOCAL, datetime.now(UTC), last)
        await begin_settlement(house.database, begin)
        yield house


async def measure_recognition(
    house: SettlementBench, payments: Sequence[Payment], made: dict[str, str | None]
) -> Recognition:
    """Read the chain and confirm what it has paid of these payments; `made` says by which transactions."""
    began = time.monotonic()
    readings = _open_readings(house)
    passphrase = house.rail.passphrase
    gate = SigningGate(house.database, LIMITS, readings=readings, passphrase=passphrase)
    activities = PaymentActivitiesImpl(house.database, house.rail, gate)
    try:
        while not readings.reading.is_current or not readings.reading.ledger:
            await readings.read()
        read = time.monotonic() - began
        await _confirm(activities, payments)
        confirm = time.monotonic() - began - read
        while await readings.find_unread() is not None:
            await asyncio.sleep(0.1)
    finally:
        await readings.close()
    wait = time.monotonic() - began - read - confirm
    known = await read_hashes(house.database, payments)
    count = sum(hash_ is not None and hash_ == made[id_] for id_, hash_ in known.items())
    return Recognition(count, round(read, 2), round(confirm, 2), round(wait, 2))


def _open_readings(house: SettlementBench) -> ChainReadings:
    rail = house.rail
    treasuries = [pair.public_key for pair in rail.keys.treasuries.values()]
    history = TreasuryHistory(
        rail.nodes, rail.passphrase, str(rail.asset.classic.issuer), treasuries
    )
    bound = ReadingBound(rail.nodes.highest, timedelta(minutes=1))
    return ChainReadings(house.database, history, bound, lambda: rail.nodes.highest)


async def _confirm(activities: PaymentActivitiesImpl, payments: Sequence[Payment]) -> None:
    left = iter(payments)

    async def keep_busy() -> None:
        for payment in left:
            while True:
                try:
                    found = await activities.prepare_payment(payment)
                    break
                except TryAgain:
                    continue
            assert isinstance(found, AlreadyPaid), f"{payment.id} is not recognised: {found}"

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(keep_busy())
