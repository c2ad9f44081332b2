"""
Reading the chain, on a stack without schedules of its own: every transfer is stored once, whoever
reads and however often it is interrupted, at a cost that does not grow with the payments.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from stellar_sdk.soroban_rpc import GetEventsResponse

from adapters.postgres.accounting import breaks, reconciliation
from adapters.postgres.database import Database
from adapters.postgres.reading.keysets import ListSegment
from adapters.postgres.tables import breaks as rows_of_breaks
from adapters.postgres.tables import networks as rows_of_networks
from adapters.stellar.rail import Rail
from adapters.stellar.rpc import treasury_history
from devstack.environment.stack import Stack
from devstack.processes.ports import free
from domain.accounting.breaks import BreakKind
from domain.accounting.reconciliation import ReconciliationRun
from domain.errors import ChainMismatch, ChainUnavailable
from tests.testkit.accounting.break_factory import TreasuryIntruder
from tests.testkit.accounting.chain_reading import (
    cut_topics,
    fail_at_table,
    list_all_stored,
    list_stored,
    plan_faults,
    put_cursor_before_events,
    read_chain_history,
    wait_for_ledger,
)
from tests.testkit.accounting.counting_reader import CountingReader, open_reader
from tests.testkit.settlement.payment_factory import open_rail
from tests.testkit.stacks import Stacks

BULK = 100


@pytest.fixture(scope="module")
async def resting(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose schedules run once an hour, without the signer, which reads the chain as well."""
    settings = {"RECONCILIATION_EVERY_SECONDS": "3600", "INTEGRITY_CHECK_EVERY_SECONDS": "3600"}
    made = tmp_path_factory.mktemp("resting")
    async with stacks.start(made, signs=False, relays=False, settings=settings) as stack:
        yield stack


@pytest.fixture(scope="module")
async def scratch(resting: Stack) -> AsyncIterator[Database]:
    opened = Database(resting.environment["DATABASE_URL"], connections_max=4)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def rail(resting: Stack) -> AsyncIterator[Rail]:
    opened = open_rail(resting)
    yield opened
    await opened.close()


@pytest.fixture
async def readers(resting: Stack, scratch: Database) -> AsyncIterator[Callable[[], CountingReader]]:
    """Make workers, each with a memory of its own, as after a restart."""
    opened: list[treasury_history.TreasuryHistory] = []

    def make() -> CountingReader:
        reader = open_reader(resting, scratch)
        opened.append(reader.activities.history)
        return reader

    yield make
    for history in opened:
        await history.close()


async def test_a_hundred_payments_in_one_transaction_cost_one_page(
    resting: Stack, scratch: Database, rail: Rail, readers: Callable[[], CountingReader]
) -> None:
    """Classic payments and their muxed numbers, up to the largest there is, all by events."""
    reader = readers()
    await reader.read_chain()
    reader.calls.clear()
    intruder = TreasuryIntruder(resting, rail)
    hash_ = await intruder.send_all([(2**62 + n, 1000 + n) for n in range(BULK)])
    await reader.read_chain()
    assert reader.calls == {"get_network": 1, "get_health": 1, "get_events": 1}
    found = await list_stored(scratch, hash_)
    assert sorted((int(row["number"]), row["amount_stroops"]) for row in found) == [
        (2**62 + n, 1000 + n) for n in range(BULK)
    ]
    assert {row["to_address"] for row in found} == {intruder.beneficiary}
    assert len({row["position"] for row in found}) == BULK


async def test_reading_resumes_after_a_restart_and_two_readers_keep_each_transfer_once(
    resting: Stack,
    scratch: Database,
    rail: Rail,
    readers: Callable[[], CountingReader],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Small pages and several concurrent readers, each without a memory: the result equals the chain's history."""
    monkeypatch.setattr(treasury_history, "PAGE_SIZE", 7)
    intruder = TreasuryIntruder(resting, rail)
    for start in range(3):
        await intruder.send_all([(2**61 + 10 * start + n, 5 + n) for n in range(10)])
        await asyncio.gather(*(readers().read_chain() for _ in range(3)))
    await intruder.invoke(2**60, 77)
    await asyncio.gather(*(readers().read_chain() for _ in range(3)))
    seen = await read_chain_history(resting)
    assert await list_all_stored(scratch) == seen
    # The number that fits no muxed id of ours is there as well.
    assert len(seen) >= 31


async def test_a_page_that_was_not_stored_is_read_again(
    resting: Stack,
    scratch: Database,
    rail: Rail,
    readers: Callable[[], CountingReader],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker dies between the transfers and the cursor: neither is stored, so nothing is lost."""
    reader = readers()
    await reader.read_chain()
    hash_ = await TreasuryIntruder(resting, rail).send(2**59, 9)
    with monkeypatch.context() as patch:
        patch.setattr(
            reconciliation, "upsert", fail_at_table("chain_cursor", reconciliation.upsert)
        )
        with pytest.raises(SystemError):
            await reader.read_chain()
    assert await list_stored(scratch, hash_) == []
    await readers().read_chain()
    assert len(await list_stored(scratch, hash_)) == 1


@pytest.mark.parametrize("kind", ["garbage", "bad_gateway", "internal_error", "node_down"])
async def test_a_node_with_malformed_answers_moves_no_cursor(
    resting: Stack, scratch: Database, rail: Rail, readers: Callable[[], CountingReader], kind: str
) -> None:
    reader = readers()
    before = await reader.read_chain()
    hash_ = await TreasuryIntruder(resting, rail).send(2**58, 11)
    await plan_faults(resting, {"kind": kind, "method": "getEvents"})
    with pytest.raises(ChainUnavailable):
        await reader.read_chain()
    await plan_faults(resting)
    assert await list_stored(scratch, hash_) == []
    assert (await reader.compare_journal()).ledger == before
    assert await reader.read_chain() > before
    assert len(await list_stored(scratch, hash_)) == 1


@pytest.mark.parametrize("mangle", [cut_topics, put_cursor_before_events])
async def test_malformed_pages_are_not_stored(
    resting: Stack,
    scratch: Database,
    rail: Rail,
    readers: Callable[[], CountingReader],
    mangle: Callable[[GetEventsResponse], None],
) -> None:
    """JSON that can be read, and cannot be true."""
    reader = readers()
    await reader.read_chain()
    hash_ = await TreasuryIntruder(resting, rail).send(2**57, 11)
    server = reader.activities.history.nodes.all[0].server
    ask = server.get_events

    async def mangled(*args: Any, **kwargs: Any) -> GetEventsResponse:
        answer = await ask(*args, **kwargs)
        mangle(answer)
        return answer

    server.get_events = mangled  # type: ignore[method-assign]
    with pytest.raises(ChainUnavailable, match="events that cannot be read"):
        await reader.read_chain()
    assert await list_stored(scratch, hash_) == []


async def test_a_node_that_lags_is_waited_for(
    resting: Stack, scratch: Database, rail: Rail, readers: Callable[[], CountingReader]
) -> None:
    reader = readers()
    before = await reader.read_chain()
    await plan_faults(resting, {"kind": "lagging_node", "value": 20})
    assert await reader.read_chain() == before
    await plan_faults(resting)
    assert await reader.read_chain() >= before
    async with scratch.autocommit() as connection:
        assert await reconciliation.list_gaps(connection) == []


async def test_a_reset_network_is_refused(
    scratch: Database, readers: Callable[[], CountingReader]
) -> None:
    """Neither to a worker that starts nor to one that has read before."""
    running, starting = readers(), readers()
    before = await running.read_chain()
    async with scratch.autocommit() as connection:
        known = (await connection.execute(select(rows_of_networks))).mappings().one()
        # A longer chain that ended years ago.
        longer = {"ledger": 10**9, "closed_at": datetime(2020, 1, 1, tzinfo=UTC)}
        await connection.execute(update(rows_of_networks).values(longer))
        with pytest.raises(ChainMismatch, match="was reset"):
            await starting.read_chain()
        with pytest.raises(ChainUnavailable, match="of the network that the database belongs to"):
            await running.read_chain()
        await connection.execute(update(rows_of_networks).values(known))
    assert await running.read_chain() >= before <= known["ledger"]


async def test_another_network_is_refused(resting: Stack, scratch: Database) -> None:
    stranger = open_reader(resting, scratch, passphrase="Public Global Stellar Network")
    with pytest.raises(ChainMismatch):
        await stranger.read_chain()
    await stranger.activities.history.close()


async def test_ledgers_a_node_forgot_before_they_were_read_are_a_gap(
    resting: Stack, scratch: Database, rail: Rail, readers: Callable[[], CountingReader]
) -> None:
    reader = readers()
    before = await reader.read_chain()
    await wait_for_ledger(rail, before + 12)
    await plan_faults(resting, {"kind": "short_retention", "value": 4})
    after = await reader.read_chain()
    await plan_faults(resting)
    assert after > before + 8
    first, again = await reader.compare_journal(), await readers().compare_journal()
    assert first.new_breaks >= 1
    assert again.new_breaks == 0
    async with scratch.autocommit() as connection:
        (gap,) = await reconciliation.list_gaps(connection)
        rows, _ = await breaks.list_page(
            connection,
            kind=BreakKind.HISTORY_GAP,
            status="open",
            owner=None,
            found_before=None,
            segment=ListSegment(10),
        )
    assert gap.first == before + 1
    assert [row.found.subject for row in rows] == [f"ledgers/{gap.first}-{gap.last}"]


async def test_ledgers_that_a_silent_node_may_have_are_no_gap(
    resting: Stack, scratch: Database, rail: Rail
) -> None:
    """One node has dropped them, and the other does not answer: it is asked again."""
    before = await open_and_read(resting, scratch)
    async with scratch.autocommit() as connection:
        known = await reconciliation.list_gaps(connection)
    await wait_for_ledger(rail, before + 12)
    silent = open_reader(resting, scratch, other_node=f"http://127.0.0.1:{free()}")
    await plan_faults(resting, {"kind": "short_retention", "value": 4})
    try:
        with pytest.raises(ChainUnavailable, match="may have history the others have dropped"):
            await silent.read_chain()
    finally:
        await plan_faults(resting)
        await silent.activities.history.close()
    async with scratch.autocommit() as connection:
        assert await reconciliation.list_gaps(connection) == known
    # Nothing was given up: the node that has them again is read from where it was.
    assert await open_and_read(resting, scratch) > before


async def open_and_read(stack: Stack, scratch: Database) -> int:
    reader = open_reader(stack, scratch)
    try:
        return await reader.read_chain()
    finally:
        await reader.activities.history.close()


async def test_two_comparisons_at_once_find_each_break_once(
    resting: Stack, scratch: Database, rail: Rail, readers: Callable[[], CountingReader]
) -> None:
    await TreasuryIntruder(resting, rail).send(None, 13)
    one, two = readers(), readers()
    await one.read_chain()
    found = await asyncio.gather(one.compare_journal(), two.compare_journal())
    assert min(each.new_breaks for each in found) == 0
    assert sum(each.new_breaks for each in found) >= 1
    async with scratch.autocommit() as connection:
        rows = await connection.execute(rows_of_breaks.select())
        subjects: Sequence[str] = [f"{row.kind} {row.subject}" for row in rows]
    assert len(subjects) == len(set(subjects))
    assert (
        await one.activities.compare_journal(ReconciliationRun(datetime.now(UTC) + timedelta(1)))
    ).new_breaks == 0
