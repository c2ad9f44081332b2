"""Exports: many rows as CSV or JSON lines, a page at a time, so that memory does not grow with them."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Literal

import orjson
from fastapi.responses import StreamingResponse

from domain.sla.bulk.formulas import disarm_text

ExportFormat = Literal["csv", "jsonl"]
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
Rows = Iterable[Mapping[str, Any]]


async def stream_export(
    pages: AsyncIterator[Rows], columns: Sequence[str], form: ExportFormat, name: str
) -> StreamingResponse:
    """Answer with all pages; the first is read before the answer begins, so that an error can be told."""
    first = await anext(pages, ())

    async def render() -> AsyncIterator[bytes]:
        if form == "csv":
            yield _render_csv([dict(zip(columns, columns, strict=True))], columns)
        yield _render(first, columns, form)
        async for page in pages:
            yield _render(page, columns, form)

    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return StreamingResponse(render(), headers=headers, media_type=MEDIA_TYPES[form])


def _render(page: Rows, columns: Sequence[str], form: ExportFormat) -> bytes:
    if form == "csv":
        return _render_csv(page, columns)
    lines = (orjson.dumps({name: row[name] for name in columns}) for row in page)
    return b"".join(line + b"\n" for line in lines)


def _render_csv(page: Rows, columns: Sequence[str]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerows([disarm(row[name]) for name in columns] for row in page)
    return written.getvalue().encode()


def disarm(value: Any) -> str:
    """Return the text of a cell, with an apostrophe before what a spreadsheet would run."""
    if value is None:
        return ""
    return disarm_text(value) if isinstance(value, str) else orjson.dumps(value).decode()
