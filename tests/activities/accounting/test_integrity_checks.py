"""A scheduled integrity check reports a violation once, stops new payments, and resolves what is gone."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from activities.accounting.integrity_checks import IntegrityCheckActivitiesImpl
from adapters.postgres.accounting import guards
from adapters.postgres.database import Database
from adapters.postgres.settlement import circuit_breakers
from devstack.bench import seed_journal
from devstack.environment.stack import Stack
from domain.accounting.integrity_checks import CheckIntegrityInput, CheckIntegrityResult
from domain.accounting.invariants import Invariant
from tests.testkit import stacks
from tests.testkit.accounting.ledger_corruptions import (
    CORRUPTIONS,
    WITHOUT_GUARDS,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LONG = timedelta(days=36500)
EVENTS = "SELECT type, data ->> 'subject' AS subject FROM events WHERE type LIKE 'ledger.%' ORDER BY 1, 2"


# One for each invariant; test_invariants.py shows that each corruption is found.
PLANTED = {invariant: planted for planted, (invariant, _, _) in CORRUPTIONS.items()}


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        await seed_journal.write(database, 2_000)
        yield database


async def write_unguarded(scratch: Database, *statements: str) -> None:
    """Write as somebody who bypasses the guards."""
    async with scratch.transaction() as connection:
        for statement in (WITHOUT_GUARDS, *statements):
            await connection.execute(text(statement))


async def read_rows(scratch: Database, statement: str) -> list[tuple[str, ...]]:
    async with scratch.autocommit() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def run_integrity_check(
    scratch: Database, minutes: int = 0, overdue: timedelta = LONG, *, stops: bool = True
) -> CheckIntegrityResult:
    activities = IntegrityCheckActivitiesImpl(scratch, overdue, stops=stops)
    return await activities.check_integrity(CheckIntegrityInput(NOW + timedelta(minutes=minutes)))


async def is_circuit_breaker_open(scratch: Database) -> str | None:
    async with scratch.autocommit() as connection:
        state = await circuit_breakers.get_state(connection)
    return state.reason if state.is_open else None


async def test_a_correct_journal_raises_no_event(scratch: Database) -> None:
    assert await run_integrity_check(scratch) == CheckIntegrityResult(True, 0, 0, 0)
    assert await read_rows(scratch, EVENTS) == []
    assert await is_circuit_breaker_open(scratch) is None
    assert await read_rows(scratch, "SELECT broken, overdue FROM integrity_checks") == [(0, 0)]


@pytest.mark.parametrize("planted", PLANTED.values())
async def test_a_violated_invariant_raises_one_event_and_opens_the_circuit_breaker(
    scratch: Database, planted: str
) -> None:
    invariant, subject, statements = CORRUPTIONS[planted]
    await write_unguarded(scratch, *statements)
    first = await run_integrity_check(scratch)
    assert first.new == first.broken > 0
    events = await read_rows(scratch, EVENTS)
    assert ("ledger.invariant_violated", subject) in events
    assert len(events) == first.new
    assert (await is_circuit_breaker_open(scratch) or "").startswith("invariant ")
    found = await read_rows(
        scratch, "SELECT invariant, subject FROM violations WHERE resolved_at IS NULL"
    )
    assert (invariant, subject) in found

    # Whoever closes the circuit breaker has looked: a known violation does not open it again.
    await write_unguarded(scratch, "UPDATE circuit_breakers SET is_open = false")
    again = await run_integrity_check(scratch, 1)
    assert (again.new, again.broken) == (0, first.broken)
    assert await read_rows(scratch, EVENTS) == events
    assert await is_circuit_breaker_open(scratch) is None


async def test_the_circuit_breaker_stays_closed_where_the_setting_says_so(
    scratch: Database,
) -> None:
    await write_unguarded(scratch, *CORRUPTIONS["an amount that was changed"][2])
    assert (await run_integrity_check(scratch, stops=False)).new > 0
    assert await is_circuit_breaker_open(scratch) is None


async def test_a_large_journal_is_checked_less_often(scratch: Database) -> None:
    await run_integrity_check(scratch)
    await write_unguarded(
        scratch,
        "UPDATE integrity_checks SET took_ms = 60000",
        *CORRUPTIONS["an amount that was changed"][2],
    )
    assert await run_integrity_check(scratch, 9) == CheckIntegrityResult(looked=False)
    assert (await run_integrity_check(scratch, 10)).broken > 0


async def test_the_guards_of_another_version_are_not_checked(scratch: Database) -> None:
    """During an upgrade, a worker of the old version must not stop settlement."""
    await write_unguarded(
        scratch,
        "UPDATE alembic_version SET version_num = '9999'",
        "DROP TRIGGER entry_balances ON postings",
    )
    assert await run_integrity_check(scratch) == CheckIntegrityResult(looked=False)
    assert await is_circuit_breaker_open(scratch) is None
    await write_unguarded(scratch, f"UPDATE alembic_version SET version_num = '{guards.REVISION}'")
    assert (await run_integrity_check(scratch)).broken == 1
    assert await read_rows(scratch, "SELECT invariant FROM violations") == [
        (Invariant.JOURNAL_APPEND_ONLY,)
    ]
