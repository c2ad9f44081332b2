"""Exports: many rows as CSV or JSON lines, a piece at a time, so that memory does not grow with them."""

import csv
import io
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

import orjson

from domain.sla.bulk.formulas import disarm_text

ExportFormat = Literal["csv", "jsonl"]
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
ROWS_AT_ONCE = 500
Row = Mapping[str, Any]


async def render_rows(
    rows: AsyncGenerator[Row], columns: Sequence[str], form: ExportFormat
) -> AsyncGenerator[bytes]:
    """Yield the file piece by piece; CSV has the names of the columns first."""
    if form == "csv":
        yield _render_csv([dict(zip(columns, columns, strict=True))], columns)
    page = list[Row]()
    async with aclosing(rows):
        async for row in rows:
            page.append(row)
            if len(page) == ROWS_AT_ONCE:
                yield _render(page, columns, form)
                page.clear()
    yield _render(page, columns, form)


def _render(page: Sequence[Row], columns: Sequence[str], form: ExportFormat) -> bytes:
    if form == "csv":
        return _render_csv(page, columns)
    lines = (orjson.dumps({name: row[name] for name in columns}) for row in page)
    return b"".join(line + b"\n" for line in lines)


def _render_csv(page: Sequence[Row], columns: Sequence[str]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerows([disarm(row[name]) for name in columns] for row in page)
    return written.getvalue().encode()


def disarm(value: Any) -> str:
    """Return the text of a cell, with an apostrophe before what a spreadsheet would run."""
    if value is None:
        return ""
    return disarm_text(value) if isinstance(value, str) else orjson.dumps(value).decode()
