"""Transfers read from the chain, gaps and breaks, as the database stores them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from stellar_sdk import StrKey

from activities.accounting.reconciliation import READ_FOR_SECONDS
from adapters.postgres import webhooks
from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from adapters.postgres.sla.policies import add_agreement
from devstack.environment.stack import Stack
from domain.accounting.breaks import BreakKind
from domain.accounting.reconciliation import Extent, Gap
from domain.errors import ChainMismatch, ChainUnavailable
from domain.sla.policies import Agreement
from tests.testkit import stacks
from tests.testkit.accounting.break_factory import tamper
from tests.testkit.accounting.fake_chain_history import (
    PAYER,
    FakeChainHistory,
    ReconciliationDriver,
    make_transfer,
    store_confirmation,
)
from tests.testkit.accounting.recorded_transfers import list_transfers
from tests.testkit.settlement.payment_factory import owe_payment

HASH, PAYEE = "dd" * 32, "GBENEFICIARY"
MANY = 6_000
SUBSCRIBED = text(
    """
    INSERT INTO webhooks (id, url, events, secret)
    VALUES ('whk_x', 'https://example.org', '["reconciliation.break_found"]', 'x')
    """
)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    """A scratch database, whose chain begins with it."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def list_gaps(scratch: Database) -> list[Gap]:
    async with scratch.autocommit() as connection:
        return await reconciliation.list_gaps(connection)


async def test_a_gap_that_grew_is_reported_in_full(
    scratch: Database,
) -> None:
    """Otherwise the ledgers between would count as read and empty."""
    driver = ReconciliationDriver(scratch)
    fake_history = driver.fake_history
    fake_history.known_extent = Extent(1, 100)
    assert await driver.read_chain() == 100
    fake_history.known_extent, fake_history.unavailable = Extent(500, 600), True
    with pytest.raises(ChainUnavailable):
        await driver.read_chain()
    fake_history.known_extent, fake_history.unavailable = Extent(520, 620), False
    assert await driver.read_chain() == 620
    assert await list_gaps(scratch) == [Gap(101, 519)]


async def test_ledgers_another_node_remembers_are_no_gap(scratch: Database) -> None:
    driver = ReconciliationDriver(scratch)
    fake_history = driver.fake_history
    fake_history.known_extent = Extent(1, 100)
    await driver.read_chain()
    fake_history.known_extent, fake_history.unavailable = Extent(500, 600), True
    with pytest.raises(ChainUnavailable):
        await driver.read_chain()
    fake_history.known_extent, fake_history.unavailable = Extent(1, 610), False
    assert await driver.read_chain() == 610
    assert await list_gaps(scratch) == []


async def list_kinds(scratch: Database) -> list[str]:
    async with scratch.autocommit() as connection:
        return list(await connection.scalars(text("SELECT kind FROM breaks ORDER BY kind")))


async def is_circuit_breaker_open(scratch: Database) -> bool:
    async with scratch.autocommit() as connection:
        return bool(await connection.scalar(text("SELECT is_open FROM circuit_breakers")))


async def test_a_transfer_of_nothing_stops_no_payment(scratch: Database) -> None:
    """
    The asset's contract asks no leave to spend nothing: `transfer_from` of 0 is anybody's to call, and
    emits a transfer out of the treasury.
    """
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    nothing = make_transfer("aa" * 32, 50, None, 0, "GSTRANGER")
    driver.fake_history.transfers += [nothing, replace(nothing, position="burn", kind="burn")]
    await driver.read_chain()
    compared = await driver.compare_journal()
    assert (compared.new_breaks, compared.matched) == (0, 0)
    assert not await is_circuit_breaker_open(scratch)
    driver.fake_history.transfers.append(make_transfer("bb" * 32, 101, None, 1, "GSTRANGER"))
    driver.fake_history.known_extent = Extent(1, 101)
    await driver.read_chain()
    assert (await driver.compare_journal()).new_breaks == 1
    assert await is_circuit_breaker_open(scratch)


async def test_transfers_between_every_kind_of_address_are_read(scratch: Database) -> None:
    """What a claimable balance held comes from an address longer than an account's."""
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    claimable = StrKey.encode_claimable_balance(bytes(33))
    driver.fake_history.transfers.append(
        replace(make_transfer("aa" * 32, 50, None, 7, PAYER), from_address=claimable)
    )
    assert await driver.read_chain() == 100
    async with scratch.autocommit() as connection:
        (kept,) = await list_transfers(connection)
    assert kept["from_address"] == claimable


async def test_thousands_of_new_breaks_are_all_found(scratch: Database) -> None:
    """A treasury's seed is used by an attacker, or a node returns garbage."""
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    driver.fake_history.transfers += [
        make_transfer(f"{n:064x}"[::-1], 50, None, 1 + n, "GSTRANGER") for n in range(MANY)
    ]
    async with scratch.transaction() as connection:
        await connection.execute(SUBSCRIBED)
    await driver.read_chain()
    first, again = await driver.compare_journal(), await driver.compare_journal()
    # One run can start so many workflows, and return so many ids.
    assert len(first.deliveries) == len(again.deliveries) == webhooks.DISPATCHED_MAX
    assert (first.new_breaks, first.open_breaks) == (MANY, MANY)
    assert (again.new_breaks, again.open_breaks) == (0, MANY)


async def test_the_cursor_of_one_network_is_not_used_on_another(scratch: Database) -> None:
    """The database is used on another network, whose ledgers have the same numbers and other transfers."""
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    await driver.read_chain()
    stranger = ReconciliationDriver(scratch, FakeChainHistory("another network"))
    stranger.fake_history.known_extent = Extent(1, 900)
    with pytest.raises(
        ChainMismatch, match="the transfers read are of network 'a network of this test'"
    ):
        await stranger.read_chain()
    async with scratch.autocommit() as connection:
        reading = await reconciliation.get_cursor(connection)
    assert reading is not None
    assert reading["ledger"] == 100


async def test_payments_of_an_earlier_agreement_are_compared_with_its_treasuries(
    scratch: Database,
) -> None:
    """Other treasuries are another agreement: what the old ones paid is still in the journal."""
    async with scratch.transaction() as connection:
        older = Agreement("older", "GOLDBOND", "GOLDPOOL", "GPROVIDER", PAYEE)
        await add_agreement(connection, older)
    payment = await owe_payment(scratch, from_address="GOLDBOND")
    await store_confirmation(scratch, payment, HASH, 50)
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    sent = make_transfer(HASH, 50, payment.number, payment.amount_stroops, PAYEE)
    driver.fake_history.transfers.append(replace(sent, from_address="GOLDBOND"))
    await driver.read_chain()
    compared = await driver.compare_journal()
    assert (compared.new_breaks, compared.matched) == (0, 1)


async def test_a_payment_of_a_ledger_that_does_not_exist_is_missing_on_chain(
    scratch: Database,
) -> None:
    """Its row names a ledger that does not exist yet, long before the newest that was read."""
    payment = await owe_payment(scratch)
    await store_confirmation(scratch, payment, HASH, 10**9)
    ahead = await owe_payment(scratch)
    await store_confirmation(scratch, ahead, "cc" * 32, 101)
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    await driver.read_chain()
    # The journal is ahead of the reading by a ledger, as it often is.
    assert (await driver.compare_journal()).new_breaks == 0
    driver.fake_history.known_extent = Extent(1, 102)
    driver.fake_history.closed_at = datetime.now(UTC) + timedelta(hours=1)
    sent = make_transfer("cc" * 32, 101, ahead.number, ahead.amount_stroops, PAYEE)
    driver.fake_history.transfers.append(sent)
    await driver.read_chain()
    assert (await driver.compare_journal()).new_breaks == 1


async def test_each_member_of_a_netted_transfer_is_compared(scratch: Database) -> None:
    """One transfer pays two; one of the two rows says that somebody else was paid."""
    first, second = await owe_payment(scratch), await owe_payment(scratch)
    for payment in (first, second):
        allocation = (
            "INSERT INTO allocations (lead_payment_id, n, payment_id, number, amount_stroops)"
            " VALUES (:lead_payment_id, 1, :id, :number, :amount)"
        )
        values = {
            "lead_payment_id": first.id,
            "number": first.number,
            "amount": payment.amount_stroops,
        }
        await tamper(scratch, allocation, id=payment.id, **values)
        await store_confirmation(scratch, payment, HASH, 50)
    driver = ReconciliationDriver(scratch)
    driver.fake_history.known_extent = Extent(1, 100)
    total = first.amount_stroops + second.amount_stroops
    driver.fake_history.transfers.append(make_transfer(HASH, 50, first.number, total, PAYEE))
    await driver.read_chain()
    assert (await driver.compare_journal()).new_breaks == 0
    # The second is paid once more, alone, by an envelope of the engine's own: a break at once.
    again = make_transfer("ee" * 32, 101, second.number, second.amount_stroops, PAYEE)
    signed = (
        "INSERT INTO envelopes (hash, inner_hash, payment_id, n, xdr, fee_stroops, max_ledger)"
        " VALUES (:hash, :hash, :id, 2, 'A', 100, 1)"
    )
    await tamper(scratch, signed, hash=again.transaction_hash, id=second.id)
    driver.fake_history.transfers.append(again)
    driver.fake_history.known_extent = Extent(1, 101)
    await driver.read_chain()
    assert (await driver.compare_journal()).new_breaks == 1
    assert await list_kinds(scratch) == [BreakKind.DUPLICATE]
    later = "UPDATE payments SET to_address = 'GZOE' WHERE id = :id"
    await tamper(scratch, later, id=second.id)
    assert (await driver.compare_journal()).new_breaks == 1


async def test_a_slow_node_does_not_delay_the_comparison(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page takes its time; what was read is compared, and the next run reads on."""
    driver, clock = ReconciliationDriver(scratch), count(step=READ_FOR_SECONDS * 0.4)
    passing = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr("activities.accounting.reconciliation.time", passing)
    driver.fake_history.known_extent, driver.fake_history.ledgers_a_page = Extent(1, 100), 10
    driver.fake_history.transfers.append(make_transfer(HASH, 5, None, 7, "GSTRANGER"))
    assert await driver.read_chain() == 30
    assert (await driver.compare_journal()).new_breaks == 1
    assert await driver.read_chain() == 60


async def test_the_lookup_of_a_transfer_uses_an_index(scratch: Database) -> None:
    """A scan of all envelopes for each transfer would never end in time."""
    asked = reconciliation.SUSPECTS.text
    scope = {"first_ledger": 1, "ledger": 100, "closed_at": None, "treasuries": [PAYER]}
    async with scratch.transaction() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.scalars(text(f"EXPLAIN {asked}"), scope)
        assert "Seq Scan on envelopes" not in "\n".join(plan)


async def test_comparing_a_large_journal_has_a_longer_statement_timeout(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The join reads everything, so it grows with the journal; no other statement may take as long."""
    limits, driver = [], ReconciliationDriver(scratch)
    suspects = reconciliation.list_suspects

    async def asked(connection: AsyncConnection, *scope: Any) -> Any:
        limits.append(await connection.scalar(text("SHOW statement_timeout")))
        return await suspects(connection, *scope)

    monkeypatch.setattr(reconciliation, "list_suspects", asked)
    await driver.read_chain()
    await driver.compare_journal()
    async with scratch.autocommit() as connection:
        limits.append(await connection.scalar(text("SHOW statement_timeout")))
    assert limits == ["5min", "15s"]
