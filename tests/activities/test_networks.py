"""Nothing is signed before the chain is read as far as it must be, and settlement goes on by itself when it is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import text

from activities import networks
from activities.networks import ChainReadings
from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres import installation
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from devstack.environment.stack import Stack
from domain.accounting.breaks import AdjustmentKind, BreakClosure
from domain.accounting.reconciliation import Extent
from domain.networks import ReadingBound
from domain.reasons import ReasonCode
from domain.requests import Request
from domain.settlement.attempts import OnHold
from services.accounting.breaks.close_break import CloseBreak, close_break
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import (
    BEGAN,
    FakeChainHistory,
    ReconciliationDriver,
)
from tests.testkit.recovery.databases import record_restoration
from tests.testkit.settlement.batch_factory import CLASSIC
from tests.testkit.settlement.out_of_band import THEIRS, make_transfer_of, store_channels
from tests.testkit.settlement.payment_factory import owe_payment
from tests.testkit.settlement.preparations import get_receipt

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written into the history is the chain of these tests: every node shows it."""

    async def is_corroborated(self: Rail, transaction_hash: str, ledger: int) -> bool:
        return True

    monkeypatch.setattr(Rail, "is_corroborated", is_corroborated)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


class Chain:
    """A chain history, how far it is read, and a clock that stands still."""

    def __init__(self, scratch: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(networks, "PAUSE_SECONDS", 0.0)
        self.now = NOON
        self.history = FakeChainHistory()
        self.history.known_extent = Extent(1, 1000)
        shown: Any = self.history
        bound = ReadingBound(1000, timedelta(seconds=60))
        self.readings = ChainReadings(
            scratch, cast(TreasuryHistory, shown), bound, now=lambda: self.now
        )
        self.gate = SigningGate(scratch, now=lambda: self.now, readings=self.readings)

    async def find_reason(self) -> ReasonCode | None:
        hold = await self.gate.pause()
        return None if hold is None else hold.reason.code


@pytest.fixture
def chain(scratch: Database, monkeypatch: pytest.MonkeyPatch) -> Chain:
    return Chain(scratch, monkeypatch)


async def test_a_payment_waits_until_the_chain_is_read_up_to_the_start(
    scratch: Database, chain: Chain, rail: Rail
) -> None:
    payment = await owe_payment(scratch)
    await store_channels(scratch, rail)
    activities = PaymentActivitiesImpl(scratch, rail, chain.gate)
    chain.history.transfers = [make_transfer_of(payment, 990)]
    chain.history.unavailable = True
    hold = await activities.prepare_payment(payment)
    assert isinstance(hold, OnHold)
    assert hold.reason.code is ReasonCode.CHAIN_UNREAD
    assert "not read up to ledger 1000 yet" in hold.reason.sentence
    assert hold.check_at - chain.now <= timedelta(seconds=5)
    async with scratch.autocommit() as connection:
        assert await attempts.get_reservation(connection, payment.id) is None
    # It goes on by itself, and finds first what was paid.
    chain.history.unavailable = False
    receipt = get_receipt(await activities.prepare_payment(payment))
    assert receipt.transaction_hash == THEIRS


async def test_a_reading_that_grows_old_stops_every_signature_until_it_is_renewed(
    chain: Chain,
) -> None:
    assert await chain.find_reason() is None
    chain.history.unavailable = True
    chain.history.known_extent = Extent(1, 1012)
    chain.now += timedelta(seconds=60)
    assert await chain.find_reason() is None
    chain.now += timedelta(seconds=1)
    assert await chain.find_reason() is ReasonCode.CHAIN_UNREAD
    assert chain.readings.describe().endswith("(no RPC node answers)")
    # What was sent before is observed and sent again meanwhile.
    assert await chain.gate.get_send_obstacle() is None
    chain.history.unavailable = False
    assert await chain.find_reason() is None
    assert chain.readings.describe() == ""


async def test_while_enough_is_read_a_look_asks_nobody(chain: Chain) -> None:
    assert await chain.find_reason() is None
    chain.history.unavailable = True
    for _ in range(3):
        assert await chain.find_reason() is None
    assert chain.readings.problem == ""  # nobody was asked in vain


async def test_a_node_that_shows_an_old_ledger_does_not_count_as_read(
    scratch: Database, chain: Chain
) -> None:
    chain.readings.newest_ledger = lambda: 1010
    assert await chain.find_reason() is ReasonCode.CHAIN_UNREAD
    chain.history.known_extent = Extent(1, 1008)
    assert await chain.find_reason() is None


async def test_a_restored_database_is_read_past_the_last_ledger_of_lost_bytes(
    scratch: Database, chain: Chain
) -> None:
    async with scratch.transaction() as connection:
        await installation.require_reading(connection, 1024)
        await installation.require_reading(connection, 9)  # an earlier start changes nothing
    assert await chain.find_reason() is ReasonCode.CHAIN_UNREAD
    assert "up to ledger 1024 yet" in chain.readings.describe()
    chain.history.known_extent = Extent(1, 1024)
    assert await chain.find_reason() is None


@pytest.mark.parametrize("read_before", [False, True], ids=["never read", "read before"])
async def test_a_restored_database_is_read_past_the_instant_of_its_restoration(
    scratch: Database, chain: Chain, read_before: bool
) -> None:
    """Whatever ledger the nodes show: one that is stuck shows none that closed since."""
    if read_before:
        assert await chain.find_reason() is None
    await record_restoration(scratch, BEGAN + timedelta(minutes=5))
    await chain.readings.read()
    assert await chain.find_reason() is ReasonCode.CHAIN_UNREAD
    assert "restored at 2026-02-01 00:05:00 UTC" in chain.readings.describe()
    chain.history.known_extent = Extent(1, 1060)
    chain.history.closed_at = BEGAN + timedelta(minutes=5)
    assert await chain.find_reason() is None


async def test_ledgers_that_nobody_can_read_any_more_stop_signing_until_a_person_accepts(
    scratch: Database, chain: Chain
) -> None:
    assert await chain.find_reason() is None
    chain.history.known_extent = Extent(1500, 2000)
    chain.now += timedelta(seconds=61)
    assert await chain.find_reason() is ReasonCode.CHAIN_UNREAD
    assert "ledgers/1001-1499" in chain.readings.describe()
    driver = ReconciliationDriver(scratch, chain.history)
    await driver.compare_journal()
    async with scratch.autocommit() as connection:
        found = await connection.scalar(text("SELECT id FROM breaks WHERE kind = 'history_gap'"))
    closure = BreakClosure(AdjustmentKind.NONE, "an archive shows nothing", "ada", NOON)
    await close_break(scratch, CloseBreak(str(found), closure, Request("ada", "corr")))
    assert await chain.find_reason() is None


async def test_no_batch_is_formed_or_signed_while_the_chain_is_unread(
    scratch: Database, chain: Chain, rail: Rail
) -> None:
    chain.history.unavailable = True
    activities = BatchActivitiesImpl(scratch, rail, CLASSIC, chain.gate)
    obstacle = await activities.gate.get_signing_obstacle()
    assert obstacle is not None
    assert obstacle.code is ReasonCode.CHAIN_UNREAD
