"""Every invariant of the journal is checked: a clean journal has no violations, and each corruption is named."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from devstack.bench import seed_journal
from devstack.environment.stack import Stack
from domain.accounting.integrity_checks import NAMED_MAX, Violation, has_violation
from domain.accounting.invariants import Invariant
from tests.testkit import stacks
from tests.testkit.accounting import dispute_corruptions, ledger_corruptions
from tests.testkit.accounting.ledger_corruptions import (
    IN_FLIGHT,
    OWED,
    WITHOUT_GUARDS,
    copy_entry,
    insert_verdict,
    make_entry_id,
    make_payment_id,
)
from tests.testkit.accounting.ledger_forgeries import FITTED, FORGERIES

POSTINGS = 2_000
CORRUPTIONS = ledger_corruptions.CORRUPTIONS | dispute_corruptions.CORRUPTIONS


@pytest.fixture(scope="module")
async def clean(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        await seed_journal.write(database, POSTINGS)
        yield database


async def _plant(connection: AsyncConnection, statements: list[str]) -> None:
    # Indexes and triggers are there for good; only this transaction writes past them.
    for statement in (WITHOUT_GUARDS, *statements):
        await connection.execute(text(statement))


async def _found(database: Database, statements: list[str]) -> list[Violation]:
    """What a check says of a break that is planted, looked at, and rolled back."""
    async with database.engine.connect() as connection:
        await _plant(connection, statements)
        return await invariants.check(connection)


async def test_a_clean_journal_has_no_violations(clean: Database) -> None:
    assert await _found(clean, []) == []


@pytest.mark.parametrize("planted", CORRUPTIONS)
async def test_a_corrupted_journal_names_the_violation(clean: Database, planted: str) -> None:
    invariant, subject, statements = CORRUPTIONS[planted]
    violations = await _found(clean, statements)
    assert has_violation(violations)
    named = {(str(violation.invariant), violation.subject) for violation in violations}
    assert (invariant, subject) in named, violations
    assert all(violation.detail for violation in violations)


@pytest.mark.parametrize("forged", FORGERIES)
async def test_a_forged_journal_names_the_violation_and_nothing_else(
    clean: Database, forged: str
) -> None:
    invariant, subject, statements = FORGERIES[forged]
    violations = await _found(clean, statements)
    assert subject in {violation.subject for violation in violations}, violations
    assert {str(violation.invariant) for violation in violations} == {invariant}, violations


async def test_every_invariant_has_a_corruption() -> None:
    planted = [*CORRUPTIONS.values(), *FORGERIES.values()]
    assert {invariant for invariant, _, _ in planted} == set(Invariant)


async def test_an_overdue_obligation_is_reported_and_is_no_violation(clean: Database) -> None:
    days_ago = "UPDATE entries SET posted_at = now() - interval '{}' WHERE payment_id = '{}'"
    violations = await _found(
        clean,
        [
            days_ago.format("25 h", make_payment_id(IN_FLIGHT)),
            (
                f"UPDATE envelopes SET signed_at = now() - interval '26 h'"
                f" WHERE payment_id = '{make_payment_id(IN_FLIGHT)}'"
            ),
            days_ago.format("23 h", make_payment_id(OWED)),
        ],
    )
    assert [(violation.subject, violation.overdue) for violation in violations] == [
        (make_payment_id(IN_FLIGHT), True)
    ]
    assert not has_violation(violations)
    async with clean.transaction() as connection:
        late = await invariants.check(connection, timedelta(seconds=0))
    assert late
    assert not has_violation(late)


async def test_an_unpaid_verdict_after_its_window_is_reported(clean: Database) -> None:
    """Its outage lost its workflow: no payment was ever owed for it."""
    judged = [
        insert_verdict(OWED, 2, "pay_x"),
        *copy_entry(make_entry_id(OWED, "accrual"), "ent_x", "'pay_x'"),
    ]
    five = "UPDATE postings SET amount_stroops = 5 * sign(amount_stroops) WHERE entry_id = 'ent_x'"
    ended = "UPDATE outages SET dispute_deadline = now() - interval '{} h' WHERE id = 'OUT-{}'"
    disputed = (
        "INSERT INTO disputes (id, outage_id, revision, status, reason, filed_by, created_at,"
        f" decision_deadline) VALUES ('dsp_x', 'OUT-{OWED}', 2, 'open', 'x', 'x', now(), now())"
    )
    for hours, more, late in ((25, [], {"pay_x"}), (23, [], set()), (25, [disputed], set())):
        violations = await _found(clean, [*judged, five, *FITTED, ended.format(hours, OWED), *more])
        assert {violation.subject for violation in violations if violation.overdue} == late
        assert not has_violation(violations)


async def test_many_violations_are_named_in_part_and_counted(clean: Database) -> None:
    violations = await _found(
        clean, ["UPDATE payments SET status = 'pending', transaction_hash = NULL WHERE number < 91"]
    )
    unpaid = [violation for violation in violations if "are paid" in violation.detail]
    assert len(unpaid) == NAMED_MAX
    assert f"and {90 - NAMED_MAX} more" in [violation.subject for violation in violations]
