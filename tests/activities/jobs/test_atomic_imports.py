"""All rows of a file or none, whatever others do to its outages between the check and the record."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.jobs import file_imports as runner
from activities.jobs.file_imports import ImportRunner, ImportTask
from adapters.postgres.database import Database
from adapters.postgres.tables import audit_entries, entries, events, import_rows
from devstack.environment.stack import Stack
from domain.errors import Invalid, TryAgain
from domain.requests import Request
from domain.sla.bulk import import_plans
from domain.sla.bulk.import_plans import ImportMode, ImportRule
from domain.sla.outages import Declaration, Outage, RecordOutageInput
from domain.sla.verdicts import Severity
from services.jobs.imports import record_whole
from services.sla.outages.record_outage import record_outage
from tests.activities.jobs.test_file_imports import ATOMIC, count, make_file, make_rows
from tests.testkit.sla.import_factory import begin, read_problems, record_import, run_import
from tests.testkit.stacks import open_scratch_database

OTHERS = Request("somebody-else", "corr-other")
Change = Callable[[Database, int], Awaitable[object]]


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The outages whose workflows would be started: here is no workflow server that knows this database."""
    found = list[str]()

    async def start(_: Any, starts: Any) -> None:
        found.extend(each.outage.id for each in starts)

    monkeypatch.setattr(runner, "start_workflows", start)
    monkeypatch.setattr(runner.activity, "client", lambda: None)
    monkeypatch.setattr(runner, "CHECKED_AT_ONCE", 10)
    return found


def change_midway(monkeypatch: pytest.MonkeyPatch, database: Database, change: Change) -> None:
    """Have a change committed by somebody else, each time the first rows are recorded and the others are not."""
    listed, times = ImportTask._list_parsed, [0]

    async def list_parsed(self: ImportTask) -> AsyncGenerator[Any]:
        first = True
        async for portion in listed(self):
            yield portion
            if first:
                await change(database, times[0])
            first, times[0] = False, times[0] + 1

    monkeypatch.setattr(ImportTask, "_list_parsed", list_parsed)


async def declare(database: Database, outage_id: str, severity: Severity = Severity.LOW) -> object:
    detected = datetime(2026, 1, 31, 12, tzinfo=UTC)
    outage = Outage(outage_id, "svc", severity, detected, affected_services=["svc"])
    declaration = Declaration(outage, OTHERS, "standard", "default")
    return await record_outage(database, RecordOutageInput(declaration, datetime.now(UTC)))


@pytest.mark.parametrize("mode", list(ImportMode))
async def test_nothing_is_recorded_of_a_file_that_is_wrong_by_the_time_it_is_recorded(
    scratch: Database, monkeypatch: pytest.MonkeyPatch, started: list[str], mode: ImportMode
) -> None:
    async def take_id(database: Database, times: int) -> object:
        return None if times else await declare(database, "row-15")

    change_midway(monkeypatch, scratch, take_id)
    job = await record_import(scratch, make_file(*make_rows(25)), mode=mode, rule=ATOMIC)
    context = await begin(scratch, job.id)
    result = await ImportRunner("sandbox").run(context)
    await context.save(context.done)
    assert (result["imported"], result["right"], result["wrong"]) == (0, 24, 1)
    assert "\r\n16,17,id," in await read_problems(scratch, job.id)
    # That of somebody else, and what is said of the file.
    assert (await count(scratch), started) == (1, [])
    assert (await count(scratch, events), await count(scratch, entries)) == (1, 0)
    assert await count(scratch, audit_entries) == 3
    assert await count(scratch, import_rows) == 0


async def test_what_others_record_alike_is_skipped_and_the_rest_is_recorded(
    scratch: Database, monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    async def take_id(database: Database, _: int) -> object:
        return await declare(database, "row-15", Severity.HIGH)

    change_midway(monkeypatch, scratch, take_id)
    rows = make_rows(25, ended=False)
    result = await run_import(scratch, make_file(*rows), mode=ImportMode.DECLARE, rule=ATOMIC)
    assert (result["imported"], result["skipped"], result["wrong"]) == (24, 1, 0)
    assert (await count(scratch), len(started)) == (25, 24)


async def test_an_outage_that_others_declare_beside_the_record_is_met_when_it_is_tried_again(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their transaction ends first: the id is taken where the plan had found it free."""
    planned = record_whole.plan_rows_within

    async def plan(*arguments: Any) -> Any:
        found = await planned(*arguments)
        await declare(scratch, "row-3")
        return found

    job = await record_import(
        scratch, make_file(*make_rows(5)), mode=ImportMode.DECLARE, rule=ATOMIC
    )
    with monkeypatch.context() as patch:
        patch.setattr(record_whole, "plan_rows_within", plan)
        with pytest.raises(TryAgain, match="declared by somebody else"):
            await ImportRunner("sandbox").run(await begin(scratch, job.id))
    assert await count(scratch) == 1
    result = await ImportRunner("sandbox").run(await begin(scratch, job.id))
    assert (result["imported"], result["wrong"], await count(scratch)) == (0, 1, 1)


async def test_a_file_of_more_rows_than_one_transaction_takes_is_refused(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_plans, "WHOLE_ROWS_MAX", dict.fromkeys(ImportMode, 12))
    with pytest.raises(Invalid, match="has more than 12 rows"):
        await run_import(scratch, make_file(*make_rows(13)), rule=ATOMIC)
    assert await count(scratch) == 0
    content = make_file(*make_rows(13, first=1))
    assert (await run_import(scratch, content, rule=ImportRule.PARTIAL))["imported"] == 13
