"""Imports in the database: one row for each upload."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import imports
from domain.sla.bulk.import_plans import PROBLEMS_SHOWN, ImportProgress
from domain.sla.bulk.problem_files import FileProblem
from domain.sla.imports import ImportRecord, RowProblem


async def add(connection: AsyncConnection, record: ImportRecord) -> None:
    await connection.execute(
        insert(imports).values(
            id=record.id,
            filename=record.filename,
            digest=record.digest,
            imported=record.imported,
            skipped=record.skipped,
            problems=[asdict(problem) for problem in record.problems],
            imported_by=record.imported_by,
            created_at=record.created_at,
            job_id=record.job_id,
            mode=record.mode,
            dry_run=record.dry_run,
            wrong=record.wrong or len(record.problems),
        )
    )


async def advance(
    connection: AsyncConnection,
    import_id: str,
    progress: ImportProgress,
    problems: Sequence[FileProblem],
    *,
    recorded: bool = True,
) -> None:
    """Note how far an import is, and the first problems of its rows."""
    found = [asdict(RowProblem(each.source.number, each.field, each.message)) for each in problems]
    known = func.jsonb_array_length(imports.c.problems)
    changes = {
        "imported": progress.imported if recorded else 0,
        "skipped": progress.skipped,
        "wrong": progress.wrong,
    }
    await connection.execute(update(imports).where(imports.c.id == import_id).values(**changes))
    if found:
        await connection.execute(
            update(imports)
            .where(imports.c.id == import_id, known < PROBLEMS_SHOWN)
            .values(problems=imports.c.problems.concat(found))
        )


def _to_record(row: RowMapping) -> ImportRecord:
    problems = [RowProblem(**problem) for problem in row["problems"]]
    return ImportRecord(**dict(row) | {"problems": problems})


async def list_newest(
    connection: AsyncConnection, offset: int = 0, limit: int = 100
) -> list[ImportRecord]:
    rows = await connection.execute(
        select(imports)
        .order_by(imports.c.created_at.desc(), imports.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [_to_record(row) for row in rows.mappings()]
