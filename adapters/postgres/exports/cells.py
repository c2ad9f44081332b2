"""Cells of an export, written by PostgreSQL: each kind of value in the one way that docs/exports.md describes."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    collate,
    func,
    or_,
    select,
)

from domain.exports.datasets import COLUMNS, ORDERS, CellKind, Dataset, ExportFormat
from domain.money import STROOPS_PER_UNIT
from domain.sla.bulk.formulas import PATTERN, PLAIN

_INSTANT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
_UNIT = cast(f"{1 / STROOPS_PER_UNIT:.7f}", Numeric)


def select_rows(found: Select[Any], dataset: Dataset, form: ExportFormat) -> Select[Any]:
    """Select the rows of a dataset, in its order, as cells or as JSON objects, from a statement that has its columns."""
    raw, columns = found.subquery("raw"), COLUMNS[dataset]
    cells = [write_cell(raw.c[each.name], each.kind, form).label(each.name) for each in columns]
    order = [
        raw.c[name[1:]].desc() if name.startswith("-") else raw.c[name] for name in ORDERS[dataset]
    ]
    written = select(*cells).order_by(*order)
    if form is ExportFormat.CSV:
        return written
    line = written.subquery("line")
    return select(func.row_to_json(line.table_valued()))


def write_cell(value: ColumnElement[Any], kind: CellKind, form: ExportFormat) -> ColumnElement[Any]:
    is_csv = form is ExportFormat.CSV
    match kind:
        case CellKind.TEXT if is_csv:
            return _disarm(value)
        case CellKind.INSTANT:
            return func.to_char(func.timezone("UTC", value), _INSTANT)
        case CellKind.AMOUNT:
            exact = func.trim_scale(value * _UNIT)
            return exact if is_csv else cast(exact, Text)
        case CellKind.BOOLEAN | CellKind.JSON if is_csv:
            return cast(value, Text)
        case CellKind.STROOPS if not is_csv:
            return cast(value, Text)
    return value


def _disarm(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """
    Do as `disarm_text` does, which a test compares with this. The pattern takes each text apart into characters
    first, however long it is: it is asked only of those whose first byte does not answer.
    """
    pattern = bindparam("formula", PATTERN, type_=Text, unique=False)
    bytewise = collate(value, "C")
    plain = or_(*(and_(bytewise >= first, bytewise < beyond) for first, beyond in PLAIN))
    return case((plain, value), (value.regexp_match(pattern), func.concat("'", value)), else_=value)
