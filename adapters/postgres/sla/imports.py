"""Imports in the database: one row for each upload."""

from dataclasses import asdict

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_part
from adapters.postgres.tables import imports
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


def _to_record(row: RowMapping) -> ImportRecord:
    problems = [RowProblem(**problem) for problem in row["problems"]]
    return ImportRecord(**dict(row) | {"problems": problems})


async def list_newest(connection: AsyncConnection, segment: ListSegment) -> list[ImportRecord]:
    listing = Listing(imports, Keyset((imports.c.created_at, imports.c.id)), [], select(imports))
    return [_to_record(row) for row in await read_part(connection, listing, segment)]
