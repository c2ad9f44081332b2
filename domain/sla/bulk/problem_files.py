"""What is wrong with the rows of a file, as a table that people open: no cell is one that a spreadsheet would run."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from domain.sla.bulk.formulas import disarm_text
from domain.sla.bulk.source_rows import SourceRow

FILENAME = "problems.csv"
CONTENT_TYPE = "text/csv; charset=utf-8"
COLUMNS = ("row", "line", "field", "message")


@dataclass(frozen=True, slots=True)
class FileProblem:
    """What is wrong with a row of a large file, which is found there by its line."""

    source: SourceRow
    field: str | None
    message: str


def render_header() -> bytes:
    return _render([COLUMNS])


def render_problems(problems: Iterable[FileProblem]) -> bytes:
    return _render(
        (
            str(each.source.number),
            str(each.source.line),
            disarm_text(each.field or ""),
            disarm_text(each.message),
        )
        for each in problems
    )


def _render(rows: Iterable[Iterable[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
