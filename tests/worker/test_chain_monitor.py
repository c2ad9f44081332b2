"""A worker that starts says what a person must mend, and remembers how far its network has come."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url
from stellar_sdk import Keypair

from activities.networks import ChainReadings
from activities.settlement.channels import ChannelClaim
from adapters.postgres import networks
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.treasuries import list_records
from adapters.postgres.sla.agreements.versions import add_version
from adapters.postgres.tables import troubles as table_of_troubles
from adapters.stellar.accounts.channels import ChannelAccounts
from adapters.stellar.accounts.claims import ClaimAccount
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from adapters.stellar.signing.keys import derive_channel_keypairs
from devstack.environment.stack import Stack
from domain.networks import ReadingBound
from domain.settlement.channels import ClaimTimes
from domain.sla.agreements.agreements import Agreement
from domain.sla.agreements.versions import AgreementVersion
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import FEES, ISSUER, PAYER, STRANGER
from tests.adapters.stellar.conftest import (
    CHANNELS,
    KEYS,
    MASTER,
    build_nodes,
    build_sandbox,
    plan_faults,
)
from tests.testkit import stacks
from tests.testkit.api_client import make_unique_id, wait_until
from worker import chain_monitor
from worker.chain_monitor import ChainMonitor

OWN = "A network of its own"
# One account may be both: a sentence names it once.
PAID_BY = Agreement("default", PAYER.public_key, PAYER.public_key, "GPROVIDER", "GBENEFICIARY")
SIX = {pair.public_key: pair for pair in derive_channel_keypairs(MASTER.secret, 6)}


@pytest.fixture
async def box() -> AsyncIterator[StellarSandbox]:
    made = build_sandbox(make_unique_id(OWN))
    yield made
    made.network.close()


def make_monitor(
    box: StellarSandbox, database: Database, *, issuer: Keypair = ISSUER, **changed: object
) -> ChainMonitor:
    nodes, changed_keys = build_nodes(box), replace(KEYS, **changed)  # type: ignore[arg-type]
    rail = Rail(nodes, box.network.passphrase, issuer.public_key, changed_keys)
    accounts = ChannelAccounts(nodes, rail.passphrase, changed_keys, rail.fee_cap_stroops)
    # Ledgers of a network in memory close by the test's own clock.
    return ChainMonitor(
        database, rail, accounts, now=lambda: datetime.fromtimestamp(box.clock.now, UTC)
    )


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    """A database of its own: that of the stack knows the transfers of another network."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"], PAID_BY) as database:
        name = make_url(database.url).database
        async with database.autocommit() as connection:
            # Otherwise it is a trouble itself.
            keeping = f'ALTER DATABASE "{name}" SET synchronous_commit = on'
            await connection.exec_driver_sql(keeping)
        yield database


@pytest.fixture
def database(scratch: Database) -> Database:
    return scratch


def begin_rounds(monitor: ChainMonitor, scratch: Database) -> asyncio.Task[None]:
    """Let the monitor look again and again, as the settlement worker does."""
    rail = monitor.rail
    history = TreasuryHistory(rail.nodes, rail.passphrase, ISSUER.public_key, [PAYER.public_key])
    bound = ReadingBound(rail.nodes.highest, timedelta(minutes=1))
    readings = ChainReadings(scratch, history, bound, lambda: rail.nodes.highest)
    account = ClaimAccount(rail.nodes, rail.passphrase, rail.keys, rail.fee_cap_stroops, 0.05)
    # At its start it says nothing yet.
    claim = ChannelClaim(scratch, account, readings, ClaimTimes(5.0), "a worker of this test")
    return asyncio.create_task(monitor.run(lambda _reason: None, readings, claim))


async def troubles(database: Database) -> str:
    async with database.autocommit() as connection:
        rows = await connection.scalars(
            select(table_of_troubles.c.sentence)
            .where(table_of_troubles.c.passphrase.startswith(OWN))
            .order_by(table_of_troubles.c.code)
        )
        return "; ".join(rows)


async def test_a_healthy_chain_is_recorded_with_its_network(
    api: httpx.AsyncClient,
    box: StellarSandbox,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sequences = await make_monitor(box, database).begin()
    assert set(sequences) == set(CHANNELS)
    async with database.autocommit() as connection:
        known = await networks.get_state(connection, box.network.passphrase)
    assert known is not None
    assert known.ledger == box.network.ledger.last_closed.sequence
    assert "ALARM" not in caplog.text
    assert await troubles(database) == ""


async def test_missing_channels_and_a_short_fee_account_are_reported(
    api: httpx.AsyncClient,
    box: StellarSandbox,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fees = box.read_account(FEES.public_key)
    assert fees is not None
    box.network.change_entries([replace(fees, balance=3 * 10_000_000)], [])
    with caplog.at_level(logging.ERROR):
        sequences = await make_monitor(box, database, channels=SIX).begin()
    assert len(sequences) == 4
    said = await troubles(database)
    assert "2 of 6 channel accounts do not exist" in said
    assert "holds 3 XLM; give it 100 at least" in said
    assert caplog.text.count("ALARM") == 2
    # Mended, it is reported no longer.
    box.network.change_entries([replace(fees, balance=10**12)], [])
    await make_monitor(box, database).begin()
    assert await troubles(database) == ""


async def test_a_missing_fee_account_is_reported(
    api: httpx.AsyncClient, box: StellarSandbox, database: Database
) -> None:
    await make_monitor(box, database, fees=STRANGER).begin()
    assert f"the fee account {STRANGER.public_key} does not exist" in await troubles(database)
    await make_monitor(box, database).begin()


async def test_an_asset_without_an_issuer_is_reported(
    api: httpx.AsyncClient,
    box: StellarSandbox,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        await make_monitor(box, database, issuer=STRANGER).begin()
    said = await troubles(database)
    assert "the asset's contract does not exist on this network" in said
    assert f"STELLAR_USDC_ISSUER is {STRANGER.public_key}" in said
    assert f"the treasury {PAYER.public_key} has no trustline for the asset" in said
    assert caplog.text.count("ALARM") == 2
    await make_monitor(box, database).begin()
    assert await troubles(database) == ""


async def test_a_treasury_without_a_trustline_is_reported(
    api: httpx.AsyncClient, box: StellarSandbox, database: Database
) -> None:
    async with database.transaction() as connection:
        named = AgreementVersion(
            "default", 2, datetime(2026, 1, 1, tzinfo=UTC), bond=STRANGER.public_key
        )
        await add_version(connection, named, "a test")
    plan_faults(box, {"kind": "frozen_trustline", "address": PAYER.public_key})
    await make_monitor(box, database).begin()
    said = await troubles(database)
    assert f"the treasury {STRANGER.public_key} does not exist" in said
    assert f"no signing seed for treasury {STRANGER.public_key}" in said
    assert f"the issuer has frozen the treasury {PAYER.public_key}" in said
    async with database.autocommit() as connection:
        seen = {each.address: each for each in await list_records(connection, datetime.now(UTC))}
    assert (seen[STRANGER.public_key].signable, seen[PAYER.public_key].signable) == (False, True)
    assert seen[STRANGER.public_key].balance_stroops is None
    assert seen[PAYER.public_key].balance_stroops == 1_000_000 * 10_000_000
    plan_faults(box)
    await make_monitor(box, database).begin()


@pytest.mark.parametrize("frozen", [PAYER, FEES, *list(CHANNELS.values())[:1]])
async def test_a_frozen_key_of_ours_is_reported(
    api: httpx.AsyncClient, box: StellarSandbox, database: Database, frozen: Keypair
) -> None:
    plan_faults(box, {"kind": "frozen_key", "address": frozen.public_key})
    await make_monitor(box, database).begin()
    said = await troubles(database)
    assert said == f"the network's validators have frozen {frozen.public_key}, of ours"
    plan_faults(box)
    await make_monitor(box, database).begin()
    assert await troubles(database) == ""


async def test_it_waits_for_nodes_that_are_not_there_yet(
    api: httpx.AsyncClient,
    box: StellarSandbox,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(chain_monitor, "AGAIN_SECONDS", 0.01)
    plan_faults(box, {"kind": "node_down", "times": 9})
    assert len(await make_monitor(box, database).begin()) == len(CHANNELS)
    assert "no RPC node answers; asking again" in caplog.text


@pytest.mark.parametrize(("seconds", "way"), [(900, "behind"), (-900, "ahead of")])
async def test_a_clock_that_differs_from_the_ledgers_is_reported_and_binds_nothing(
    api: httpx.AsyncClient,
    box: StellarSandbox,
    database: Database,
    scratch: Database,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    way: str,
) -> None:
    monkeypatch.setattr(chain_monitor, "CHECK_SECONDS", 0.05)
    monitor = make_monitor(box, database)
    await monitor.begin()
    started = box.clock.now
    monitor.now = lambda: datetime.fromtimestamp(box.clock.now - seconds, UTC)
    running = begin_rounds(monitor, scratch)
    try:

        async def reported() -> bool:
            box.close_ledger()
            return bool(await troubles(database))

        await wait_until(reported, "the clock is reported")
        # The test closes ledgers faster than their clock goes.
        said = (
            rf"the clock of this machine is (8|9)\d0 seconds {way} the time at which ledgers close"
        )
        assert re.search(said, await troubles(database))
        # Bounds go by the ledgers: they are not over when the transaction is born.
        now = await monitor.rail.nodes.read_ledger_time()
        assert 0 <= box.clock.now - now.timestamp() + 1 < box.clock.now - started + 60
        monitor.now = lambda: datetime.fromtimestamp(box.clock.now, UTC)

        async def mended() -> bool:
            return not await troubles(database)

        await wait_until(mended, "the clock is right again")
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_defect_does_not_end_the_checks(
    box: StellarSandbox,
    database: Database,
    scratch: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(chain_monitor, "CHECK_SECONDS", 0.02)
    monitor = make_monitor(box, database)
    await monitor.begin()
    recheck, rounds = monitor.rail.identity.recheck, list[int]()

    async def fail_first() -> object:
        rounds.append(1)
        return await recheck() if len(rounds) > 1 else 1 // 0

    monkeypatch.setattr(monitor.rail.identity, "recheck", fail_first)
    running = begin_rounds(monitor, scratch)
    try:

        async def goes_on() -> bool:
            box.close_ledger()
            return len(rounds) > 2

        await wait_until(goes_on, "the network is checked again")
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert "the network could not be checked" in caplog.text
