"""What integrity_checks by the clock found can be read, and how old it is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from adapters.postgres.accounting import integrity_checks
from adapters.postgres.database import Database
from api.dependencies import CursorPage
from api.routes.accounting.integrity_checks import (
    ViolationView,
    get_integrity_check,
    list_violations,
)
from devstack.environment.stack import Stack
from domain.accounting.integrity_checks import Violation, list_complete_kinds
from domain.accounting.invariants import INVARIANT_DESCRIPTIONS, Invariant
from tests.testkit import stacks
from tests.testkit.api_client import wait_until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BROKEN = Violation(
    Invariant.BALANCES_MATCH_POSTINGS, "expense:penalty USDC part 3", "the balance is missing"
)
LATE = Violation(Invariant.OBLIGATION_LIFECYCLE, "pay_1", "pending since long ago", overdue=True)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def find(scratch: Database, at: datetime, *found: Violation) -> None:
    late = sum(each.overdue for each in found)
    async with scratch.transaction() as connection:
        by_id = {each.id: each for each in found}
        await integrity_checks.save_violations(connection, by_id, list_complete_kinds(found), at)
        await integrity_checks.save(connection, at, timedelta(seconds=2), len(found) - late, late)


async def listed(scratch: Database, **wanted: bool | Invariant) -> list[ViolationView]:
    return (await list_violations(scratch, CursorPage(1, 50), **wanted)).items  # type: ignore[arg-type]


async def test_the_integrity_check_runs_on_a_schedule(api: httpx.AsyncClient) -> None:
    async def is_checked() -> bool:
        return (await api.get("/integrity-checks")).json()["checked_at"] is not None

    await wait_until(is_checked, "the journal is checked", 60)
    shown = (await api.get("/integrity-checks")).json()
    assert {
        each["invariant"]: each["description"] for each in shown["invariants"]
    } == INVARIANT_DESCRIPTIONS
    age = datetime.now(UTC) - datetime.fromisoformat(shown["checked_at"])
    assert age < timedelta(minutes=5)
    assert (await api.get("/integrity-checks/violations")).status_code == 200


async def test_an_unchecked_journal_is_not_reported_clean(scratch: Database) -> None:
    shown = await get_integrity_check(scratch)
    assert (shown.checked_at, shown.clean) == (None, None)


async def test_what_breaks_an_invariant_is_counted_there(scratch: Database) -> None:
    await find(scratch, NOW, BROKEN, LATE)
    shown = await get_integrity_check(scratch)
    assert (shown.checked_at, shown.took_ms) == (NOW, 2000)
    assert (shown.clean, shown.overdue) == (False, 1)
    counts = {each.invariant: each.violations for each in shown.invariants}
    assert counts == dict.fromkeys(Invariant, 0) | {Invariant.BALANCES_MATCH_POSTINGS: 1}


async def test_findings_are_listed_by_what_they_are(scratch: Database) -> None:
    await find(scratch, NOW, BROKEN, LATE)
    later = NOW + timedelta(minutes=1)
    await find(scratch, later, BROKEN)
    (shown,) = await listed(scratch, unresolved=True)
    assert shown == ViolationView(
        id=BROKEN.id,
        invariant=Invariant.BALANCES_MATCH_POSTINGS,
        overdue=False,
        subject=BROKEN.subject,
        detail=BROKEN.detail,
        found_at=NOW,
        last_seen_at=later,
        resolved_at=None,
    )
    (mended,) = await listed(scratch, unresolved=False)
    assert (mended.id, mended.resolved_at) == (LATE.id, later)
    assert [each.id for each in await listed(scratch, overdue=True)] == [LATE.id]
    assert [each.id for each in await listed(scratch, overdue=False)] == [BROKEN.id]
    assert [
        each.id for each in await listed(scratch, invariant=Invariant.BALANCES_MATCH_POSTINGS)
    ] == [BROKEN.id]
    assert len(await listed(scratch)) == 2
    assert (await get_integrity_check(scratch)).clean is False


async def test_findings_are_listed_on_from_a_cursor(scratch: Database) -> None:
    await find(scratch, NOW, BROKEN)
    await find(scratch, NOW + timedelta(minutes=1), BROKEN, LATE)
    first = await list_violations(scratch, CursorPage(1, 1))
    assert ([each.id for each in first.items], first.total) == ([LATE.id], 2)
    second = await list_violations(scratch, CursorPage(1, 1, first.next_cursor))
    assert [each.id for each in second.items] == [BROKEN.id]
    last = await list_violations(scratch, CursorPage(1, 1, second.next_cursor))
    assert (last.items, last.next_cursor) == ([], None)


async def test_what_is_no_invariant_is_refused_by_name(api: httpx.AsyncClient) -> None:
    answer = await api.get("/integrity-checks/violations", params={"invariant": "honest"})
    assert answer.status_code == 422
    assert "invariant" in answer.text
