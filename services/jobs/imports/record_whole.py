"""Record all rows of a file in one transaction, with how far the import is then: all of it or nothing."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.jobs import file_imports
from domain.jobs.file_imports import ImportProgress, derive_import_id
from domain.jobs.jobs import JobStep
from domain.requests import Request
from domain.settlement.payments import JudgeOutageResult
from domain.settlement.starts.declarations import JudgedDeclaration
from domain.sla.bulk.import_plans import ImportMode, ImportPlan
from services.jobs.jobs.save_progress import save_progress_within
from services.sla.imports.plan_rows import PlannedRow, PlanRows, RowPlan, plan_rows_within
from services.sla.imports.record_declared import (
    RowsRefused,
    judge_ended_within,
    record_new_within,
)
from services.sla.imports.record_settled import RecordSettled, record_settled_within

# Balances are locked from the first judgement on, so all of them come last, so many a statement.
JUDGED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class RecordWhole:
    """`portions` are parsed rows in their order; `make_step` says how the job stands once they are recorded."""

    job_id: str
    plan: ImportPlan
    request: Request
    network: str
    portions: AsyncIterator[tuple[PlanRows, RowPlan]]
    make_step: Callable[[ImportProgress], JobStep]


@dataclass(slots=True)
class WholeRecord:
    """What was recorded so far. `seen` are the outages of rows, of which the file may say the same again."""

    progress: ImportProgress
    starts: list[JudgedDeclaration] = field(default_factory=list)
    ended: list[PlannedRow] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


async def record_whole(database: Database, command: RecordWhole) -> WholeRecord:
    """
    Judge each row by what is on record now, and record them all. Raises RowsRefused when one is wrong by now, and
    TryAgain when somebody else records an outage of the file meanwhile; nothing is on record then.
    """
    recorded = WholeRecord(ImportProgress(checking=False))
    async with database.transaction() as connection:
        async for rows, parsed in command.portions:
            await _record_portion(connection, command, recorded, rows, parsed)
        await _judge(connection, command, recorded)
        # Last, so that the job can be cancelled until then; another attempt of it fails here.
        await save_progress_within(connection, command.make_step(recorded.progress))
        import_id = derive_import_id(command.job_id)
        await file_imports.advance(connection, import_id, recorded.progress, ())
    return recorded


async def _record_portion(
    connection: AsyncConnection,
    command: RecordWhole,
    recorded: WholeRecord,
    planning: PlanRows,
    parsed: RowPlan | None,
) -> None:
    while planning.rows:
        planned = await plan_rows_within(connection, planning, parsed)
        if planned.problems:
            raise RowsRefused(planned.problems)
        new = [each for each in planned.rows if each.declaration.outage.id not in recorded.seen]
        recorded.seen.update(each.declaration.outage.id for each in new)
        skipped = planned.skipped + len(planned.rows) - len(new)
        last = planning.rows[planned.taken - 1].number
        recorded.progress = replace(recorded.progress, row=last).add(len(new), skipped, 0)
        if command.plan.mode is ImportMode.BACKFILL:
            import_id = derive_import_id(command.job_id)
            settled = RecordSettled(new, import_id, command.request, planning.at)
            await record_settled_within(connection, settled)
        else:
            recorded.starts += await record_new_within(connection, new, planning.at)
            recorded.ended += [each for each in new if each.resolution is not None]
        planning, parsed = replace(planning, rows=planning.rows[planned.taken :]), None


async def _judge(connection: AsyncConnection, command: RecordWhole, recorded: WholeRecord) -> None:
    judged, at = dict[str, JudgeOutageResult](), datetime.now(UTC)
    for first in range(0, len(recorded.ended), JUDGED_AT_ONCE):
        some = recorded.ended[first : first + JUDGED_AT_ONCE]
        judged |= await judge_ended_within(connection, some, at, command.network)
    recorded.starts = [replace(each, judged=judged.get(each.outage.id)) for each in recorded.starts]
