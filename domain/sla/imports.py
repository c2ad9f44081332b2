"""
Imports: outages from a file of CSV or JSON, each row one outage, with what is wrong with a row.

A row needs the service, and when it went down; with an end it is resolved then. Its outage has the id that
the row gives, or one that is derived from the service and the beginning: the same row is the same outage,
however often and in whatever file it comes.
"""

import csv
import difflib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from domain.digests import derive_id
from domain.errors import Invalid
from domain.requests import Request
from domain.sla.bulk.source_rows import CutRow, RepeatedFields, collect_fields
from domain.sla.outage_rules import check_outage, check_resolution
from domain.sla.outages import Outage, Resolution
from domain.sla.verdicts import Severity

FILE_BYTES_MAX = 10 * 1_048_576
ROWS_MAX = 1000
COLUMNS_MAX = 200
# Brackets of JSON, in texts too.
MARKS_MAX = 200_000
CELL_MAX = 20_000
# Of a row that does not say how grave it was.
SEVERITY = Severity.MEDIUM
NEEDED = ("service_id", "start_time", "end_time")
COLUMNS = (
    *NEEDED,
    *("id", "site_name", "site_id", "severity", "description", "affected_services"),
    *("affected_subscribers", "assigned_to", "policy", "agreement", "customer"),
    *("root_cause", "resolution_notes"),
)
# A column so much like a known one is a misspelt one.
LIKENESS = 0.85


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with a row, which counts from 1 and does not count the names of the columns."""

    row: int | None
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class ImportedOutage:
    """An outage of a file, and its repair if it has ended."""

    row: int
    outage: Outage
    resolution: Resolution | None


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """
    One upload: what was new, what was on record before, and what could not be taken. Of a large one, which is
    a job, `problems` are the first of the `wrong` rows.
    """

    id: str
    filename: str
    digest: str
    imported: int
    skipped: int
    problems: Sequence[RowProblem]
    imported_by: str
    created_at: datetime
    job_id: str | None = None
    mode: str = "declare"
    dry_run: bool = False
    wrong: int = 0


def read_rows(name: str, content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a file. Raises Invalid when it cannot be read as a whole."""
    if len(content) > FILE_BYTES_MAX:
        raise Invalid("file", f"must be at most {FILE_BYTES_MAX} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("file", f"is not text in UTF-8: see byte {error.start}") from None
    kind = name.lower().rpartition(".")[2]
    if kind not in ("csv", "json"):
        raise Invalid("file", "must be a file of CSV or JSON, and have a name that says so")
    rows = _read_csv(text) if kind == "csv" else _read_json(text)
    if len(rows) > ROWS_MAX:
        raise Invalid("file", f"has more than {ROWS_MAX} rows; send at most so many at a time")
    _check_columns({name for row in rows for name in row})
    return rows


def _read_csv(text: str) -> list[dict[str, Any]]:
    csv.field_size_limit(max(CELL_MAX, csv.field_size_limit()))
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        check_header(names)
        reader.fieldnames = names
        # What is not there is None, and an empty cell is not.
        read = (row if None not in map(row.get, NEEDED) else CutRow(row) for row in reader)
        filled = (row for row in read if any(cell for cell in row.values()))
        return list(islice(filled, ROWS_MAX + 1))
    except csv.Error as error:
        raise Invalid("file", f"is not CSV: line {reader.line_num}: {error}") from None


def check_header(names: Sequence[str]) -> None:
    """Refuse the first row of a CSV that does not name each of its columns once, and those that are needed."""
    if "" in names:
        number = names.index("") + 1
        raise Invalid(
            "file", f"has a column without a name, number {number}: name it or leave it out"
        )
    if len(set(names)) < len(names):
        raise Invalid("file", "has two columns of one name")
    if missing := [each for each in NEEDED if each not in names]:
        raise Invalid("file", f"lacks the columns {', '.join(missing)}")


def _read_json(text: str) -> list[dict[str, Any]]:
    # What ten megabytes can hold costs many times as much when it is parsed.
    if text.count("{") + text.count("[") > MARKS_MAX:
        raise Invalid("file", f"has more than {ROWS_MAX} rows; send at most so many at a time")
    try:
        rows = json.loads(text, object_pairs_hook=collect_fields)
    except (ValueError, RecursionError) as error:
        raise Invalid("file", f"is not JSON: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid("file", "must be a JSON array of objects")
    return rows


def _check_columns(names: set[str]) -> None:
    """Refuse a misspelt column, which would be left out unseen; other columns are none of ours."""
    if len(names) > COLUMNS_MAX:
        raise Invalid("file", f"has more than {COLUMNS_MAX} different columns")
    for name in sorted(names):
        if name not in COLUMNS and (
            like := difflib.get_close_matches(name.strip().lower(), COLUMNS, 1, LIKENESS)
        ):
            raise Invalid("file", f"has a column {name!r}: it must be written {like[0]!r}")


def parse_rows(
    rows: Sequence[Mapping[str, Any]], request: Request, now: datetime
) -> tuple[list[ImportedOutage], list[RowProblem]]:
    """Return the outages of those rows that can be true, and what is wrong with the others."""
    found, problems = list[ImportedOutage](), list[RowProblem]()
    for number, row in enumerate(rows, 1):
        try:
            found.append(parse_row(number, row, request, now))
        except Invalid as error:
            problems.append(RowProblem(number, name_column(error.field), error.rule))
    return found, problems


# The names under which the rules of outages know them.
_TO_COLUMN = {"detected_at": "start_time", "resolved_at": "end_time"}


def name_column(field: str) -> str:
    """Return the column of what the rules of outages refuse."""
    return _TO_COLUMN.get(field, field)


def parse_row(
    number: int, row: Mapping[str, Any], request: Request, now: datetime
) -> ImportedOutage:
    if "" in row:
        raise Invalid("row", "has more cells than there are columns")
    if isinstance(row, CutRow):
        raise Invalid(
            "row",
            f"ends before all of the columns {', '.join(NEEDED)}: send the whole row; an empty cell is one as well",
        )
    if isinstance(row, RepeatedFields):
        if not (row.repeated.isascii() and row.repeated.isprintable()):
            raise Invalid("row", "has a field more than once: send it once")
        raise Invalid(row.repeated[:100], "is in the row more than once: send it once")
    cells = {name: clean_cell(name, row.get(name)) for name in COLUMNS}
    service, began = _require_text(cells, "service_id"), parse_instant(cells, "start_time")
    if began is None:
        raise Invalid("start_time", "is missing: say when the service went down")
    outage = Outage(
        id=_get_text(cells, "id") or derive_id("imp", service, began.isoformat()),
        site_name=_get_text(cells, "site_name") or service,
        severity=_parse_severity(cells),
        detected_at=began,
        description=_get_text(cells, "description") or "",
        site_id=_get_text(cells, "site_id"),
        affected_services=list(_list_services(cells, service)),
        affected_subscribers=parse_count(cells, "affected_subscribers"),
        assigned_to=_get_text(cells, "assigned_to"),
        policy=_get_text(cells, "policy"),
        agreement=_get_text(cells, "agreement"),
        customer=_get_text(cells, "customer"),
    )
    check_outage(outage, now)
    ended, resolution = parse_instant(cells, "end_time"), None
    if ended is not None:
        cause, notes = _get_text(cells, "root_cause"), _get_text(cells, "resolution_notes")
        resolution = Resolution(request, ended, None, cause, notes)
        check_resolution(outage, resolution, now)
    return ImportedOutage(number, outage, resolution)


def clean_cell(name: str, value: Any) -> Any:
    """Return the value of a cell; an empty one is none."""
    if isinstance(value, str):
        if len(value) > CELL_MAX or "\x00" in value:
            raise Invalid(name, f"must be at most {CELL_MAX} characters, without a null byte")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Invalid(name, "must not contain half of a surrogate pair") from None
        return value.strip() or None
    return value


def _get_text(cells: Mapping[str, Any], name: str) -> str | None:
    value = cells[name]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Invalid(name, "must be text")


def _require_text(cells: Mapping[str, Any], name: str) -> str:
    text = _get_text(cells, name)
    if text is None:
        raise Invalid(name, "is missing: send it")
    return text


def parse_instant(cells: Mapping[str, Any], name: str) -> datetime | None:
    text = _get_text(cells, name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text) if "-" in text[:5] else None
    except ValueError:
        instant = None
    if instant is None:
        raise Invalid(name, "must be written like 2026-01-31T12:00:00Z")
    if instant.tzinfo is None:
        raise Invalid(name, "must carry a time zone, for example 2026-01-31T12:00:00Z")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise Invalid(name, "is outside the years 1 to 9999") from None


def _parse_severity(cells: Mapping[str, Any]) -> Severity:
    text = _get_text(cells, "severity")
    if text is None:
        return SEVERITY
    if text not in set(Severity):
        raise Invalid("severity", f"must be one of {', '.join(Severity)}")
    return Severity(text)


def parse_count(cells: Mapping[str, Any], name: str) -> int | None:
    value = cells[name]
    if value is None:
        return None
    text = "" if isinstance(value, bool | float | list | dict) else str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid(name, "must be a whole number")
    return int(text)


def _list_services(cells: Mapping[str, Any], service: str) -> Iterator[str]:
    """Yield the names of a list, or of a text that separates them by semicolons; else the service itself."""
    given = cells["affected_services"]
    if given is None:
        given = [service]
    names = given.split(";") if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Invalid("affected_services", "must be a list of names, or names with semicolons")
    cleaned = (clean_cell("affected_services", name) for name in names)
    yield from (name for name in cleaned if name is not None)
