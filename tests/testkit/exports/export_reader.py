"""Exports as a test reads them: whole, and taken apart again by what everybody has."""

import csv
import io
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from adapters.postgres.database import Database
from adapters.postgres.exports.exported_rows import FILTERS, ExportFilter
from domain.access.scopes import EVERYTHING, Scope
from domain.exports.datasets import COLUMNS, Dataset, ExportFormat
from domain.exports.export_files import ExportFile
from domain.requests import Request
from services.exports.stream_export import MakeExport, stream_export

READER = Request("reader", "corr-export")


def open_export(
    database: Database,
    dataset: Dataset,
    wanted: ExportFilter | None = None,
    form: ExportFormat = ExportFormat.CSV,
    scope: Scope = EVERYTHING,
    export_id: str = "",
) -> AsyncGenerator[bytes]:
    """Begin an export; without a filter it is of everything."""
    command = MakeExport(
        *(export_id or f"exp_{uuid4().hex}", dataset, wanted or FILTERS[dataset](), scope),
        *({"asked": "by a test"}, READER),
    )
    file = ExportFile(form, COLUMNS[dataset])
    return stream_export(database, command, file, lambda: datetime.now(UTC))


async def read_export(database: Database, dataset: Dataset, *given: Any, **named: Any) -> bytes:
    return b"".join([piece async for piece in open_export(database, dataset, *given, **named)])


def parse_file(content: bytes, form: ExportFormat = ExportFormat.CSV) -> list[dict[str, Any]]:
    """Take a file apart, as strictly as its format allows."""
    text = content.decode()
    match form:
        case ExportFormat.CSV:
            assert text.endswith("\r\n")
            reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
            return list(reader)
        case ExportFormat.JSON:
            rows: list[dict[str, Any]] = json.loads(text)
            return rows
        case ExportFormat.NDJSON:
            return [json.loads(line) for line in text.split("\n")[:-1]]


async def list_rows(database: Database, dataset: Dataset, *given: Any) -> list[dict[str, Any]]:
    return parse_file(await read_export(database, dataset, *given))
