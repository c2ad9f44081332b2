"""/outages/bulk: outages from an uploaded file, and what became of each file."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Response
from fastapi import Request as HttpRequest
from pydantic import BaseModel
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from adapters.postgres import unit_of_work
from adapters.postgres.sla import imports
from api import commands
from api.access.permissions import require
from api.dependencies import Asked, Caller, CursorPaging, Database, Engine, Running
from api.parsing.declarations import check_declaration, make_declaration
from api.parsing.multipart import declare_file_body, parse_file
from api.protocol.next_cursors import GOES_ON, set_next_cursor
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.access.principals import check_permission
from domain.errors import Conflict, Invalid, Refused
from domain.requests import Request
from domain.sla.bulk.known_outages import check_not_cancelled, name_request
from domain.sla.imports import (
    ImportedOutage,
    ImportRecord,
    RowProblem,
    name_column,
    parse_rows,
    read_rows,
)
from domain.sla.outages import OutageStatus
from services.sla.imports.record_import import RecordImport, record_import

router = APIRouter(prefix="/outages/bulk", tags=["outages"])
# So many rows are worked on at once.
WORKERS = 8


class RowProblemView(BaseModel):
    """`row` counts from 1, without the names of the columns."""

    row: int | None
    field: str | None
    message: str


class ImportResultView(BaseModel):
    """`skipped` rows were on record before, with this very content."""

    imported: int
    skipped: int
    errors: list[RowProblemView]


class ImportView(ImportResultView):
    id: str
    filename: str
    error_count: int
    imported_by: str
    created_at: datetime

    @classmethod
    def of(cls, record: ImportRecord) -> "ImportView":
        return cls(
            id=record.id,
            filename=record.filename,
            imported=record.imported,
            skipped=record.skipped,
            error_count=len(record.problems),
            errors=list(_show_problems(record.problems)),
            imported_by=record.imported_by,
            created_at=record.created_at,
        )


def _show_problems(problems: Sequence[RowProblem]) -> Iterator[RowProblemView]:
    for each in problems:
        yield RowProblemView(row=each.row, field=each.field, message=each.message)


@router.post(
    "",
    dependencies=[require(Permission.OUTAGES_DECLARE)],
    responses=declare_problems(413, 422),
    openapi_extra=declare_file_body(),
)
async def import_outages(
    request: HttpRequest, engine: Running, caller: Caller, asked: Asked
) -> ImportResultView:
    """
    Import outages from a file of CSV or JSON (`file`, at most 10 MiB and 1000 rows) with `service_id`,
    `start_time` and `end_time`. A row that is wrong is named and does not keep the others out; the same
    file again changes nothing.
    """
    file = parse_file(request.headers.get("content-type"), await request.body())
    now = datetime.now(UTC)
    found, problems = parse_rows(read_rows(file.name, file.content), asked, now)
    if any(each.resolution is not None for each in found):
        check_permission(caller, Permission.OUTAGES_RESOLVE)
    results = await _import_all(engine, found, asked)
    problems += [each for each in results if isinstance(each, RowProblem)]
    record = ImportRecord(
        id=f"imp_{uuid4().hex[:24]}",
        filename=file.name,
        digest=hashlib.sha256(file.content).hexdigest(),
        imported=sum(each is True for each in results),
        skipped=sum(each is False for each in results),
        problems=sorted(problems, key=lambda each: each.row or 0),
        imported_by=asked.actor,
        created_at=now,
    )
    await record_import(engine.database, RecordImport(record, asked))
    return ImportView.of(record)


async def _import_all(
    engine: Engine, found: Sequence[ImportedOutage], asked: Request
) -> list[bool | RowProblem]:
    """
    Declare and resolve the outages, and return of each whether anything is new, or what was wrong. Rows of
    one outage are taken in their order: the first one holds. What comes to nothing because a part of the
    system is down is raised; the file can be sent again then.
    """
    rows = defaultdict[str, list[ImportedOutage]](list)
    for each in found:
        rows[each.outage.id].append(each)
    results, left = list[bool | RowProblem](), iter(rows.values())
    await unit_of_work.conclude()  # each row is a transaction of its own

    async def work() -> None:
        for same in left:
            for each in same:
                results.append(await _import_row(engine, each, asked))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return results


async def _import_row(engine: Engine, item: ImportedOutage, asked: Request) -> bool | RowProblem:
    try:
        return await _import(engine, item, asked)
    except Invalid as error:
        return RowProblem(item.row, name_column(error.field), error.rule)
    except Refused as error:
        return RowProblem(item.row, None, str(error))
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError) and cause.type in (Invalid.code, Conflict.code):
            field = cause.details[0] if cause.details else None
            said = cause.message.removeprefix(f"{field}: ")
            return RowProblem(item.row, field and name_column(field), said)
        raise


async def _import(engine: Engine, item: ImportedOutage, asked: Request) -> bool:
    outage, resolution = item.outage, item.resolution
    declaration = make_declaration(engine, outage, asked)
    await check_declaration(engine.database, declaration, resolution)
    declared = await commands.declare(engine, declaration)
    if resolution is not None:
        known = declared.outage
        if known.status is OutageStatus.DECLARED:
            await commands.resolve(engine, outage.id, resolution, name_request(outage.id))
            return True
        check_not_cancelled(outage.id, known.status)
        if known.resolved_at not in (None, resolution.resolved_at):
            raise Invalid("end_time", f"is on record as {known.resolved_at.isoformat()}")
    return declared.recorded.created


async def find_imports(
    database: Database, paging: CursorPaging, response: Response
) -> list[ImportRecord]:
    """Read a page of what became of each file, the newest first, and say from where to go on."""
    async with database.autocommit() as connection:
        found = await imports.list_newest(connection, paging.find_segment("imports"))
    set_next_cursor(response, paging.make_cursor("imports", found, "created_at", "id"))
    return found


FoundImports = Annotated[list[ImportRecord], Depends(find_imports)]


@router.get("/history", dependencies=[require(Permission.OUTAGES_READ)], responses=GOES_ON)
async def list_imports(found: FoundImports) -> list[ImportView]:
    """List what became of each uploaded file, the newest first."""
    return [ImportView.of(record) for record in found]
