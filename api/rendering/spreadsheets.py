"""CSV for people who open it in a spreadsheet: streamed, and no cell is one that a spreadsheet would run."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from domain.sla.bulk.formulas import disarm_text

FLUSH_CHARACTERS = 32_768


def render_cell(value: Any) -> str:
    """Return a value as text; a text that a spreadsheet would run gets an apostrophe before it."""
    if value is None:
        return ""
    return disarm_text(value) if isinstance(value, str) else str(value)


async def render_csv(
    columns: Sequence[str], rows: AsyncGenerator[Sequence[Any]]
) -> AsyncGenerator[bytes]:
    """Yield CSV piece by piece, the names of the columns first."""
    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow(columns)
    async with aclosing(rows):
        async for row in rows:
            writer.writerow([render_cell(value) for value in row])
            if page.tell() > FLUSH_CHARACTERS:
                yield page.getvalue().encode()
                page.seek(0)
                page.truncate()
    yield page.getvalue().encode()
