"""A violation raises one event while it lasts, and another when it comes back."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.postgres.database import Database
from devstack.bench import seed_journal
from devstack.environment.stack import Stack
from tests.activities.accounting.test_integrity_checks import (
    is_circuit_breaker_open,
    read_rows,
    run_integrity_check,
    write_unguarded,
)
from tests.testkit import stacks
from tests.testkit.accounting.ledger_corruptions import (
    CORRUPTIONS,
    IN_FLIGHT,
    make_payment_id,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
EVENTS = "SELECT type, data ->> 'subject' AS subject FROM events WHERE type LIKE 'ledger.%' ORDER BY 1, 2"
OWED_ONLY = "WHERE payment_id IN (SELECT id FROM payments WHERE status = 'pending')"


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        await seed_journal.write(database, 2_000)
        yield database


async def test_the_same_integrity_check_twice_raises_one_event(scratch: Database) -> None:
    """A worker that dies before it has answered is asked again."""
    await write_unguarded(scratch, *CORRUPTIONS["an amount that was changed"][2])
    first = await run_integrity_check(scratch)
    assert first.looked
    assert (await run_integrity_check(scratch)).new == 0
    assert len(await read_rows(scratch, EVENTS)) == first.new


async def test_a_violation_that_comes_back_raises_another_event(scratch: Database) -> None:
    late = f"UPDATE entries SET posted_at = now() - interval '25 h' WHERE payment_id = '{make_payment_id(IN_FLIGHT)}'"
    day = timedelta(hours=24)
    await write_unguarded(scratch, late)
    assert (await run_integrity_check(scratch, 0, day)).overdue == 1
    assert (await run_integrity_check(scratch, 1, day)).new == 0
    await write_unguarded(scratch, late.replace("25", "1"))
    assert (await run_integrity_check(scratch, 2, day)).overdue == 0
    mended = "SELECT resolved_at IS NULL, found_at FROM violations"
    assert await read_rows(scratch, mended) == [(False, NOW)]
    await write_unguarded(scratch, late)
    assert (await run_integrity_check(scratch, 3, day)).new == 1
    assert await read_rows(scratch, mended) == [(True, NOW + timedelta(minutes=3))]
    assert (
        await read_rows(scratch, EVENTS)
        == [("ledger.obligation_overdue", make_payment_id(IN_FLIGHT))] * 2
    )
    assert await is_circuit_breaker_open(scratch) is None, "what waits breaks nothing"


async def test_violations_beyond_the_named_maximum_are_neither_forgotten_nor_resolved(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.accounting.integrity.run_integrity_check.NAMED_MAX", 2)
    moment = timedelta(microseconds=1)
    await write_unguarded(
        scratch, f"UPDATE entries SET posted_at = now() - interval '1 h' {OWED_ONLY}"
    )
    first = await run_integrity_check(scratch, 0, moment)
    assert (first.overdue, first.new) == (2, 2)
    paid = next(name for _, name in await read_rows(scratch, EVENTS))
    # One of those named is paid, and another takes its place: that one is new, and none is resolved.
    await write_unguarded(
        scratch,
        f"UPDATE entries SET posted_at = now() + interval '1 h' WHERE payment_id = '{paid}'",
    )
    assert (await run_integrity_check(scratch, 1, moment)).new == 1
    assert await read_rows(scratch, "SELECT count(*), count(resolved_at) FROM violations") == [
        (3, 0)
    ]
    # Once all can be named again, what is not found is resolved.
    monkeypatch.setattr("services.accounting.integrity.run_integrity_check.NAMED_MAX", 1000)
    await run_integrity_check(scratch, 2, moment)
    assert await read_rows(
        scratch, "SELECT subject FROM violations WHERE resolved_at IS NOT NULL"
    ) == [(paid,)]
