"""Write a dataset as a file, of one moment and piece by piece; and keep on record who asked for what, and what they got."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.exports.exported_rows import ExportFilter, read_rows
from domain.access.scopes import Scope
from domain.audit import make_audit_entry
from domain.exports.datasets import Dataset
from domain.exports.export_files import ExportFile
from domain.exports.export_receipts import ENDED, STARTED, name_subject
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class MakeExport:
    """`said` are the parameters as the caller wrote them, for the audit trail."""

    export_id: str
    dataset: Dataset
    wanted: ExportFilter
    scope: Scope
    said: Mapping[str, str]
    request: Request


async def stream_export(
    database: Database, command: MakeExport, file: ExportFile, read_clock: Callable[[], datetime]
) -> AsyncGenerator[bytes]:
    """
    Yield the bytes of the file; `file` knows then how many there were.

    That it was asked for is on record before the first of them, and what the whole of it is before the last: a
    file that ended has a receipt, and one that was broken off has none that says so.
    """
    payload = {
        "dataset": command.dataset,
        "format": file.form,
        "filter": dict(command.said),
        "party": command.scope.party,
    }
    await _record(database, command, STARTED, payload, read_clock())
    kept = file.begin()
    async with database.open_snapshot() as connection:
        rows = read_rows(connection, command.dataset, command.wanted, command.scope, file.form)
        async with aclosing(rows):
            async for block in rows:
                if kept:
                    yield kept
                kept = file.add(block)
    kept += file.end()
    made = {"rows": file.rows, "bytes": file.size, "sha256": file.sha256}
    await _record(database, command, ENDED, payload | made, read_clock())
    yield kept


async def _record(
    database: Database, command: MakeExport, action: str, payload: dict[str, Any], at: datetime
) -> None:
    subject = name_subject(command.export_id)
    entry = make_audit_entry(subject, action, command.request, at, payload)
    async with database.transaction() as connection:
        await events.publish(connection, entry)
