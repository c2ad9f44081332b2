"""CSV for people who open it in a spreadsheet: streamed, and no cell is one that a spreadsheet would run."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi.responses import StreamingResponse

from domain.sla.bulk.formulas import disarm_text

FLUSH_CHARACTERS = 32_768


def render_cell(value: Any) -> str:
    """Return a value as text; a text that a spreadsheet would run gets an apostrophe before it."""
    if value is None:
        return ""
    return disarm_text(value) if isinstance(value, str) else str(value)


async def render_csv(
    columns: Sequence[str], rows: AsyncIterator[Sequence[Any]]
) -> AsyncIterator[str]:
    """Yield CSV piece by piece, the names of the columns first."""
    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow(columns)
    async for row in rows:
        writer.writerow([render_cell(value) for value in row])
        if page.tell() > FLUSH_CHARACTERS:
            yield page.getvalue()
            page.seek(0)
            page.truncate()
    yield page.getvalue()


async def stream_file(pieces: AsyncIterator[str], name: str, media_type: str) -> StreamingResponse:
    """Answer with a file; what goes wrong before its first piece is still answered as an error."""
    first = await anext(pieces, "")

    async def chain() -> AsyncIterator[str]:
        yield first
        async for piece in pieces:
            yield piece

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chain(), media_type=media_type, headers=headers)
