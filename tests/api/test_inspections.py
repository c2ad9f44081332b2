"""What inspections by the clock found can be read, and how old it is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from adapters.postgres import inspections
from adapters.postgres.database import Database
from api.dependencies import Page
from api.inspections import FindingView, get_inspection, list_findings
from domain.auth import Principal, Role
from domain.inspections import Finding, told_in_full
from domain.invariants import PROMISES, Invariant
from sandbox.stack import Stack
from tests import stacks
from tests.support import eventually

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Principal("ada", Role.FINANCE)
BROKEN = Finding(Invariant.REBUILT, "expense:penalty USDC part 3", "the balance is missing")
LATE = Finding(Invariant.PARTITIONED, "pay_1", "pending since long ago", overdue=True)


@pytest.fixture
async def book(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.scratch(stack.environment["DATABASE_URL"]) as database:
        yield database


async def find(book: Database, at: datetime, *found: Finding) -> None:
    late = sum(each.overdue for each in found)
    async with book.transaction() as connection:
        by_id = {each.id: each for each in found}
        await inspections.keep_findings(connection, by_id, told_in_full(found), at)
        await inspections.keep(connection, at, timedelta(seconds=2), len(found) - late, late)


async def listed(book: Database, **wanted: bool | Invariant) -> list[FindingView]:
    return (await list_findings(book, ADA, Page(1, 50), **wanted)).items  # type: ignore[arg-type]


async def test_the_book_is_inspected_without_being_asked(api: httpx.AsyncClient) -> None:
    async def inspected() -> bool:
        return (await api.get("/inspections")).json()["inspected_at"] is not None

    await eventually(inspected, "the book is inspected", 60)
    shown = (await api.get("/inspections")).json()
    assert {each["invariant"]: each["promise"] for each in shown["promises"]} == PROMISES
    age = datetime.now(UTC) - datetime.fromisoformat(shown["inspected_at"])
    assert age < timedelta(minutes=5)
    assert (await api.get("/inspections/findings")).status_code == 200


async def test_a_book_that_nobody_looked_at_is_not_called_clean(book: Database) -> None:
    shown = await get_inspection(book, ADA)
    assert (shown.inspected_at, shown.clean) == (None, None)


async def test_what_breaks_a_promise_is_counted_there(book: Database) -> None:
    await find(book, NOW, BROKEN, LATE)
    shown = await get_inspection(book, ADA)
    assert (shown.inspected_at, shown.took_ms) == (NOW, 2000)
    assert (shown.clean, shown.overdue) == (False, 1)
    counts = {each.invariant: each.findings for each in shown.promises}
    assert counts == dict.fromkeys(Invariant, 0) | {Invariant.REBUILT: 1}


async def test_findings_are_listed_by_what_they_are(book: Database) -> None:
    await find(book, NOW, BROKEN, LATE)
    later = NOW + timedelta(minutes=1)
    await find(book, later, BROKEN)
    (shown,) = await listed(book, standing=True)
    assert shown == FindingView(
        id=BROKEN.id,
        invariant=Invariant.REBUILT,
        overdue=False,
        subject=BROKEN.subject,
        detail=BROKEN.detail,
        found_at=NOW,
        last_seen_at=later,
        mended_at=None,
    )
    (mended,) = await listed(book, standing=False)
    assert (mended.id, mended.mended_at) == (LATE.id, later)
    assert [each.id for each in await listed(book, overdue=True)] == [LATE.id]
    assert [each.id for each in await listed(book, overdue=False)] == [BROKEN.id]
    assert [each.id for each in await listed(book, invariant=Invariant.REBUILT)] == [BROKEN.id]
    assert len(await listed(book)) == 2
    assert (await get_inspection(book, ADA)).clean is False


async def test_what_is_no_promise_is_refused_by_name(api: httpx.AsyncClient) -> None:
    answer = await api.get("/inspections/findings", params={"invariant": "honest"})
    assert answer.status_code == 422
    assert "invariant" in answer.text
