"""What an import refuses, and how: one row of a file, and no other; or the file, and nothing of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete

from activities.jobs import file_imports as runner
from activities.jobs.file_imports import ImportRunner
from adapters.postgres.database import Database
from adapters.postgres.sla import outages
from adapters.postgres.tables import job_file_chunks
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.errors import Stop
from domain.sla.bulk.import_plans import ImportPlan, ImportRule
from domain.sla.bulk.row_streams import ImportFormat
from domain.sla.bulk.source_rows import SourceRow
from domain.sla.outages import Cancellation, CancelOutageInput, ReopenOutageInput, ReopenRequest
from services.jobs.jobs.cancel_job import CancelJob, cancel_job
from services.sla.imports.plan_rows import PlanRows, RowPlan, parse_rows, plan_rows
from services.sla.outages.cancel_outage import cancel_outage
from services.sla.outages.reopen_outage import reopen_outage
from tests.activities.jobs.test_file_imports import DECLARE, HEAD, make_file, make_rows
from tests.testkit.sla.import_factory import BY, begin, read_problems, record_import, run_import
from tests.testkit.stacks import open_scratch_database


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


@pytest.fixture(autouse=True)
def without_workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here is no workflow server that knows this database."""

    async def start(*_: Any) -> None:
        pass

    monkeypatch.setattr(runner, "start_workflows", start)
    monkeypatch.setattr(runner.activity, "client", lambda: None)


async def test_a_file_whose_import_is_to_be_cancelled_is_imported_anew(scratch: Database) -> None:
    content = make_file(*make_rows(3))
    first = await record_import(scratch, content)
    await begin(scratch, first.id)
    await cancel_job(scratch, CancelJob(first.id, BY, datetime.now(UTC)))
    assert (await record_import(scratch, content)).id != first.id


async def test_the_same_file_is_the_same_import_only_where_the_same_is_asked(
    scratch: Database,
) -> None:
    content = make_file(*make_rows(3))
    first = await record_import(scratch, content)
    assert (await record_import(scratch, content)).id == first.id
    # The one that runs may record a part of it, and under an agreement that nobody asked for now.
    whole = await record_import(scratch, content, rule=ImportRule.ATOMIC)
    other = await record_import(scratch, content, agreement="another")
    assert len({first.id, whole.id, other.id}) == 3
    assert (await record_import(scratch, content, rule=ImportRule.ATOMIC)).id == whole.id


async def test_a_verdict_other_than_the_one_on_record_is_a_wrong_row(scratch: Database) -> None:
    head = f"{HEAD},sla_status,amount"
    (row,) = make_rows(1)
    await run_import(scratch, f"{head}\n{row},violated,70".encode())
    for verdict in ("met,70", "violated,71"):
        result = await run_import(scratch, f"{head}\n{row},{verdict}".encode())
        assert (result["skipped"], result["wrong"]) == (0, 1), verdict
    assert (await run_import(scratch, f"{head}\n{row},violated,70\n".encode()))["skipped"] == 1


async def test_an_end_that_was_taken_back_keeps_no_other_row_out(scratch: Database) -> None:
    rows, now = make_rows(2), datetime.now(UTC)
    await run_import(scratch, make_file(*rows), mode=DECLARE)
    taken_back = ReopenOutageInput("row-0", ReopenRequest(BY, "it was not back"), "k", now)
    await reopen_outage(scratch, taken_back)
    content = make_file(*rows, *make_rows(1, first=2))
    for dry_run in (True, False):
        result = await run_import(scratch, content, mode=DECLARE, dry_run=dry_run)
        assert (result["right"], result["skipped"], result["wrong"]) == (1, 1, 1), dry_run


async def test_an_end_of_an_outage_that_was_cancelled_is_a_wrong_row(scratch: Database) -> None:
    await run_import(scratch, make_file(*make_rows(2, ended=False)), mode=DECLARE)
    cancelled = CancelOutageInput("row-0", Cancellation(BY, "none"), datetime.now(UTC))
    await cancel_outage(scratch, cancelled)
    content = make_file(*make_rows(2))
    for dry_run in (True, False):
        result = await run_import(scratch, content, mode=DECLARE, dry_run=dry_run)
        assert (result["right"], result["skipped"], result["wrong"]) == (1, 0, 1), dry_run


async def test_what_is_refused_at_the_last_moment_keeps_no_other_row_out(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody cancels an outage between the look at it and the record of its end."""
    await run_import(scratch, make_file(*make_rows(2, ended=False)), mode=DECLARE)
    cancelled = CancelOutageInput("row-0", Cancellation(BY, "none"), datetime.now(UTC))

    async def plan(database: Database, command: PlanRows, parsed: RowPlan | None) -> RowPlan:
        planned = await plan_rows(database, command, parsed)
        await cancel_outage(scratch, cancelled)
        return planned

    monkeypatch.setattr(runner, "plan_rows", plan)
    job = await record_import(scratch, make_file(*make_rows(3)), mode=DECLARE)
    result = await ImportRunner("sandbox").run(context := await begin(scratch, job.id))
    await context.save(context.done)
    assert (result["imported"], result["wrong"]) == (2, 1)
    assert (await read_problems(scratch, job.id)).count("\r\n1,2,end_time,") == 1
    async with scratch.autocommit() as connection:
        found = [await outages.get(connection, f"row-{n}", EVERYTHING) for n in range(3)]
    assert [each.status for each in found] == ["cancelled", "disputable", "disputable"]


async def test_a_file_of_which_some_is_gone_is_not_taken_for_a_shorter_one(
    scratch: Database,
) -> None:
    rows = [f"{row},{'x' * 150_000}" for row in make_rows(3)]
    job = await record_import(scratch, "\n".join((f"{HEAD},note", *rows)).encode())
    async with scratch.transaction() as connection:
        last = delete(job_file_chunks).where(job_file_chunks.c.number > 0)
        assert (await connection.execute(last)).rowcount > 0
    with pytest.raises(Stop, match="is not whole any more: 262144 of"):
        await ImportRunner("sandbox").run(await begin(scratch, job.id))


def test_an_end_is_a_wrong_row_of_whoever_may_only_declare() -> None:
    cells = {"id": "a", "service_id": "svc", "start_time": "2026-01-31T12:00:00Z"}
    rows = [
        SourceRow(1, 2, cells | {"end_time": "2026-01-31T12:25:00Z"}),
        SourceRow(2, 3, cells | {"id": "b"}),
    ]
    plan = ImportPlan(
        "a.csv", ImportFormat.CSV, DECLARE, ImportRule.PARTIAL, False, "p", "a", False
    )
    found = parse_rows(PlanRows(ImportPlan.parse(plan.to_json()), rows, BY, datetime.now(UTC)))
    assert [each.declaration.outage.id for each in found.rows] == ["b"]
    assert [(each.field, "outages:resolve" in each.message) for each in found.problems] == [
        ("end_time", True)
    ]
