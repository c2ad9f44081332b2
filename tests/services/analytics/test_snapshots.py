"""
A snapshot is what the use cases have brought about by one instant: verified by its hash, and reconciled with the
entries that it has seen, whatever is posted later and whatever was being posted meanwhile.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres import audit
from adapters.postgres.accounting import journal
from adapters.postgres.analytics import snapshots, trends
from adapters.postgres.database import Database
from adapters.postgres.reading.keysets import ListSegment
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.accounting.journal import make_accrual
from domain.analytics.snapshots import AnalyticsSnapshot
from domain.analytics.trends import AnalyticsFilter
from domain.audit import make_audit_entry
from domain.errors import NotFound
from domain.jobs.jobs import JobKind
from services.analytics.rollups.fold_changes import fold_changes
from services.analytics.snapshots.reconcile_snapshot import reconcile_snapshot
from services.analytics.snapshots.request_snapshot import request_snapshot
from services.analytics.snapshots.take_snapshot import TakeSnapshot, take_snapshot
from services.settlement.voids.void_debt import void_debt
from services.sla.outages.reopen_outage import reopen_outage
from tests.services.settlement.test_void_debt import make_void
from tests.services.sla.test_reopen_outage import make_reopening
from tests.testkit import stacks
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import ASKER, NOW, judge_outage, owe_payment

USDC = 10_000_000


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def take(database: Database, key: str) -> AnalyticsSnapshot:
    return await take_snapshot(database, TakeSnapshot(ASKER, key, NOW, "2026.6"))


async def find_differences(database: Database, taken: AnalyticsSnapshot) -> list[str]:
    found = await reconcile_snapshot(database, taken.id)
    return [each.agreement for each in found.differences]


async def test_it_follows_the_use_cases_and_each_snapshot_keeps_its_own_instant(
    scratch: Database,
) -> None:
    late, soon = make_unique_id("SNAP"), make_unique_id("SNAP")
    await judge_outage(scratch, late, 25)  # a penalty of 1000
    await judge_outage(scratch, soon, 5)  # a reward of 1500
    await owe_payment(scratch, "SNAP-OWED", 20)  # a penalty of 500
    first = await take(scratch, "first")
    await fold_changes(scratch)
    await reopen_outage(scratch, make_reopening(late))
    second = await take(scratch, "second")
    await void_debt(scratch, make_void(soon), "sandbox")
    third = await take(scratch, "third")
    shown = [each.parse()["totals"] for each in (first, second, third)]
    assert [(each["judged"], each["open"], each["voided"]) for each in shown] == [
        (3, 0, 0),
        (2, 1, 0),
        (1, 1, 1),
    ]
    money = [(int(each["rewards_stroops"]), int(each["penalties_stroops"])) for each in shown]
    assert money == [(1500 * USDC, 1500 * USDC), (1500 * USDC, 500 * USDC), (0, 500 * USDC)]
    for each in (first, second, third):
        assert each.list_problems() == []
        assert await find_differences(scratch, each) == []
    async with scratch.autocommit() as connection:
        now = await trends.get_totals(connection, EVERYTHING, AnalyticsFilter())
    assert (now.outages, now.penalties_stroops) == (1, 500 * USDC)


async def test_the_same_request_is_the_same_snapshot_and_is_in_the_trail_once(
    scratch: Database,
) -> None:
    first, again = await take(scratch, "once"), await take(scratch, "once")
    assert first == again
    assert (await take(scratch, "twice")).id != first.id
    async with scratch.autocommit() as connection:
        assert (await snapshots.list_page(connection, ListSegment(1)))[1].count == 2
        entry = make_audit_entry(f"snapshot/{first.id}", "snapshot.taken", ASKER, NOW, {})
        assert await audit.is_recorded(connection, entry.id)


async def test_what_was_being_posted_meanwhile_is_in_neither(scratch: Database) -> None:
    """A transaction that began before a snapshot and ends after it has older entries, which it has not seen."""
    payment = await owe_payment(scratch, "SNAP-OPEN", 25)
    async with scratch.transaction() as posting:
        await posting.execute(text("SELECT now()"))
        taken = await take(scratch, "meanwhile")
        later = replace(payment, id=f"{payment.id}-later")
        await journal.post_entry(posting, make_accrual(later))
    assert await find_differences(scratch, taken) == []
    # Of the next one it is seen, and belongs to no verdict.
    assert await find_differences(scratch, await take(scratch, "after")) == [""]


async def test_money_that_the_sums_do_not_have_is_found(scratch: Database) -> None:
    await owe_payment(scratch, "SNAP-LOST", 25)
    await fold_changes(scratch)
    async with scratch.transaction() as connection:
        spoilt = "UPDATE analytics_rollups SET penalties_stroops = penalties_stroops - 1"
        await connection.execute(text(spoilt))
    taken = await take(scratch, "spoilt")
    found = (await reconcile_snapshot(scratch, taken.id)).differences
    assert [(each.agreement, each.journal.penalties_stroops) for each in found] == [
        ("default", 1000 * USDC)
    ]
    assert found[0].snapshot.penalties_stroops == 1000 * USDC - 1


async def test_what_somebody_altered_is_found_and_nobody_alters_it_by_the_way(
    scratch: Database,
) -> None:
    taken = await take(scratch, "altered")
    spoil = text("UPDATE analytics_snapshots SET content = replace(content, '0', '1')")
    with pytest.raises(IntegrityError, match="are never changed"):
        async with scratch.transaction() as connection:
            await connection.execute(spoil)
    async with scratch.transaction() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(spoil)
    async with scratch.autocommit() as connection:
        found = await snapshots.get(connection, taken.id)
        assert found.list_problems() == [
            "the content has another SHA-256 than was recorded with it"
        ]
        with pytest.raises(NotFound):
            await snapshots.get(connection, "snp_none")


async def test_the_clock_asks_for_one_job_for_each_of_its_instants(scratch: Database) -> None:
    at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    first, again = [await request_snapshot(scratch, at) for _ in range(2)]
    assert (first, first.kind, first.asked_by) == (again, JobKind.SNAPSHOT, "engine")
    assert (await request_snapshot(scratch, at.replace(hour=13))).id != first.id
