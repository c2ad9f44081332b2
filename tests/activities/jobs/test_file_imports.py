"""An import records what is right, once, wherever an attempt of it died, and says what is wrong."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from activities.jobs import file_imports as runner
from activities.jobs.file_imports import ImportRunner
from activities.jobs.job_contexts import JobContext
from adapters.postgres import audit
from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.reading.keysets import ListSegment
from adapters.postgres.sla import imports, outages
from adapters.postgres.tables import events, import_rows, sla_results
from adapters.postgres.tables import outages as outages_table
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict, Invalid
from domain.jobs.jobs import JobStep
from domain.settlement.starts.declarations import JudgedDeclaration
from domain.sla.bulk.import_plans import ImportMode, ImportRule
from domain.sla.outages import (
    Amendment,
    AmendOutageInput,
    OutageStatus,
)
from domain.sla.verdicts import SlaStatus
from services.jobs.jobs.begin_job import begin_job
from services.sla.outages.amend_outage import amend_outage
from tests.testkit.sla.import_factory import (
    BY,
    begin,
    read_problems,
    record_import,
    run_import,
)
from tests.testkit.stacks import open_scratch_database

HEAD = "service_id,start_time,end_time,id,severity"
WRONG = ["svc,yesterday,,wrong-1,low", ",2026-01-31T12:00:00Z,,wrong-2,low"]
DECLARE, ATOMIC = ImportMode.DECLARE, ImportRule.ATOMIC


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PORTIONS", dict.fromkeys(ImportMode, 10))
    monkeypatch.setattr(runner, "CHECKED_AT_ONCE", 10)


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The outages whose workflows would be started: here is no workflow server that knows this database."""
    found = list[str]()

    async def start(_: Any, starts: Sequence[JudgedDeclaration]) -> None:
        found.extend(each.outage.id for each in starts)

    monkeypatch.setattr(runner, "start_workflows", start)
    monkeypatch.setattr(runner.activity, "client", lambda: None)
    return found


def make_rows(count: int, *, ended: bool = True, first: int = 0) -> list[str]:
    end = "2026-01-31T12:25:00Z" if ended else ""
    return [f"svc,2026-01-31T12:00:00Z,{end},row-{n},high" for n in range(first, first + count)]


def make_file(*rows: str) -> bytes:
    return "\n".join((HEAD, *rows)).encode()


async def count(database: Database, table: Any = outages_table) -> int:
    async with database.autocommit() as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0


async def list_violations(database: Database) -> list[str]:
    async with database.transaction() as connection:
        found = await invariants.check(connection)
    return [f"{each.invariant} {each.subject}: {each.detail}" for each in found]


async def test_outages_of_the_past_are_closed_with_their_verdict_and_owe_nothing(
    scratch: Database,
) -> None:
    result = await run_import(scratch, make_file(*make_rows(25)))
    assert (result["imported"], result["skipped"], result["wrong"]) == (25, 0, 0)
    async with scratch.autocommit() as connection:
        record = await outages.get(connection, "row-7", EVERYTHING)
        (settled,) = (await connection.execute(select(sla_results).limit(1))).mappings()
    assert (record.status, record.settled_elsewhere) == (OutageStatus.CLOSED, True)
    assert record.resolved_at == record.closed_at == datetime(2026, 1, 31, 12, 25, tzinfo=UTC)
    assert record.judged is not None
    assert record.judged[1].status in set(SlaStatus)
    assert (settled["payment_id"], settled["mttr_basis"]) == (None, "measured")
    assert await count(scratch, events) == 0
    assert await list_violations(scratch) == []
    change = Amendment(BY, {"description": "another"})
    with pytest.raises(Conflict, match="was settled elsewhere"):
        await amend_outage(scratch, AmendOutageInput("row-7", change, "k", datetime.now(UTC)))


async def test_one_that_is_said_to_be_settled_elsewhere_and_was_judged_here_is_found(
    scratch: Database, started: list[str]
) -> None:
    await run_import(scratch, make_file(*make_rows(1)), mode=DECLARE)
    async with scratch.transaction() as connection:
        # Not by any way the product knows.
        await connection.execute(
            outages_table.update().values(status="closed", settled_elsewhere=True)
        )
    (found,) = [each for each in await list_violations(scratch) if "elsewhere" in each]
    assert found.startswith("closed_outages_paid row-0")


async def test_declared_outages_have_their_events_verdicts_and_workflows(
    scratch: Database, started: list[str]
) -> None:
    rows = [*make_rows(15), *make_rows(10, ended=False, first=15)]
    result = await run_import(scratch, make_file(*rows), mode=DECLARE)
    assert (result["imported"], result["wrong"]) == (25, 0)
    assert sorted(started) == sorted(f"row-{n}" for n in range(25))
    # Declared; and where it has ended, resolved and judged.
    assert await count(scratch, events) == 25 + 2 * 15
    async with scratch.autocommit() as connection:
        over = await outages.get(connection, "row-3", EVERYTHING)
        still = await outages.get(connection, "row-20", EVERYTHING)
        trail = await audit.read_trail(connection, "outage/row-3")
    assert (over.status, still.status) == (OutageStatus.DISPUTABLE, OutageStatus.DECLARED)
    assert [each["action"] for each in trail] == ["outage.declared", "outage.judged"]
    assert {each["actor"] for each in trail} == {"operator"}
    assert await list_violations(scratch) == []


@pytest.mark.parametrize("mode", list(ImportMode))
async def test_the_same_rows_twice_are_recorded_once(scratch: Database, mode: ImportMode) -> None:
    rows = make_rows(12)
    first = await run_import(scratch, make_file(*rows, *rows), mode=mode)
    assert (first["imported"], first["skipped"]) == (12, 12)
    before = await count(scratch), await count(scratch, events)
    again = await run_import(scratch, make_file(*rows, *make_rows(1, first=12)), mode=mode)
    assert (again["imported"], again["skipped"], again["wrong"]) == (1, 12, 0)
    assert (await count(scratch), await count(scratch, sla_results)) == (13, 13)
    assert before[0] == 12


async def test_the_same_file_again_is_the_same_job(scratch: Database) -> None:
    content = make_file(*make_rows(3))
    first = await record_import(scratch, content)
    assert (await record_import(scratch, content)).id == first.id
    assert (await record_import(scratch, content, mode=DECLARE)).id != first.id
    assert (await record_import(scratch, content, dry_run=True)).id != first.id


async def test_an_end_that_comes_later_resolves_and_another_end_is_refused(
    scratch: Database, started: list[str]
) -> None:
    rows = [
        *make_rows(1, ended=False),
        *make_rows(1),
        "svc,2026-01-31T12:00:00Z,2026-01-31T12:26:00Z,row-0,high",
        "svc,2026-01-31T12:00:00Z,,row-0,low",
    ]
    job = await record_import(scratch, make_file(*rows), mode=DECLARE)
    context = await begin(scratch, job.id)
    result = await ImportRunner("sandbox").run(context)
    assert (result["imported"], result["wrong"]) == (2, 2)
    table = csv.reader(io.StringIO(await read_problems(scratch, job.id), newline=""))
    assert [row[:3] for row in table][1:] == [["3", "4", "end_time"], ["4", "5", "id"]]


@pytest.mark.parametrize("rule", list(ImportRule))
async def test_wrong_rows_keep_others_out_only_where_all_or_none_is_asked_for(
    scratch: Database, rule: ImportRule
) -> None:
    rows = [*make_rows(12), *WRONG, *make_rows(3, first=12)]
    job = await record_import(scratch, make_file(*rows), rule=rule)
    result = await ImportRunner("sandbox").run(await begin(scratch, job.id))
    recorded = 0 if rule is ATOMIC else 15
    assert (result["imported"], result["wrong"], result["right"]) == (recorded, 2, 15)
    assert await count(scratch) == recorded
    assert await count(scratch, import_rows) == 0
    table = csv.reader(io.StringIO(await read_problems(scratch, job.id), newline=""))
    assert [row[:3] for row in table][1:] == [
        ["13", "14", "start_time"],
        ["14", "15", "service_id"],
    ]
    async with scratch.autocommit() as connection:
        (record,) = await imports.list_newest(connection, ListSegment(10))
    assert (record.imported, record.wrong, record.job_id) == (recorded, 2, job.id)


async def test_rows_that_contradict_each_other_in_one_file_keep_all_out(scratch: Database) -> None:
    other = "svc,2026-01-31T12:00:00Z,2026-01-31T12:26:00Z,row-3,high"
    result = await run_import(scratch, make_file(*make_rows(25), other), rule=ATOMIC)
    assert (result["imported"], result["wrong"], await count(scratch)) == (0, 1, 0)
    result = await run_import(scratch, make_file(*make_rows(25), *make_rows(2)), rule=ATOMIC)
    assert (result["imported"], result["skipped"], await count(scratch)) == (25, 2, 25)


@pytest.mark.parametrize("mode", list(ImportMode))
async def test_a_dry_run_judges_everything_and_writes_nothing(
    scratch: Database, mode: ImportMode
) -> None:
    rows = [*make_rows(22), *WRONG]
    result = await run_import(scratch, make_file(*rows), mode=mode, dry_run=True)
    assert (result["imported"], result["right"], result["wrong"]) == (0, 22, 2)
    assert (await count(scratch), await count(scratch, import_rows)) == (0, 0)


async def test_a_file_that_breaks_off_fails_with_its_line(scratch: Database) -> None:
    with pytest.raises(Invalid, match="is not CSV: line 13"):
        await run_import(scratch, make_file(*make_rows(11), '"svc,'))
    assert await count(scratch) == 10


class MortalContext(JobContext):
    """Dies with the step after so many: as a process does, with what it had in memory."""

    steps = 0

    def make_step(self, *arguments: Any) -> JobStep:
        if self.steps == 0:
            raise KeyError("the process has died")
        self.steps -= 1
        return super().make_step(*arguments)


@pytest.mark.parametrize("steps", [1, 3, 4, 5, 6])
@pytest.mark.parametrize("rule", list(ImportRule))
@pytest.mark.parametrize("mode", list(ImportMode))
async def test_no_row_is_lost_or_doubled_wherever_an_attempt_died(
    scratch: Database, mode: ImportMode, rule: ImportRule, steps: int
) -> None:
    rows = [*make_rows(20), *make_rows(5), *make_rows(13, first=20)]
    job = await record_import(scratch, make_file(*rows), mode=mode, rule=rule)
    dying = MortalContext(scratch, await begin_job(scratch, job.id, datetime.now(UTC)))
    # Of all or none, four steps check and one more begins to record.
    dying.steps = steps if rule is ATOMIC else min(steps, 4)
    with pytest.raises(KeyError):
        await ImportRunner("sandbox").run(dying)
    result = await ImportRunner("sandbox").run(await begin(scratch, job.id))
    assert (result["imported"], result["skipped"], result["wrong"]) == (33, 5, 0)
    assert (await count(scratch), await count(scratch, sla_results)) == (33, 33)
    assert await count(scratch, events) == (0 if mode is ImportMode.BACKFILL else 33 * 3)
    async with scratch.autocommit() as connection:
        (record,) = await imports.list_newest(connection, ListSegment(10))
    assert (record.imported, record.skipped) == (33, 5)
