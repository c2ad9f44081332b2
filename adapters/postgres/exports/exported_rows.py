"""Rows of a dataset, already written: by PostgreSQL, or for analytics, which are few, here."""

import csv
import io
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import orjson
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.analytics import trends
from adapters.postgres.audit import AuditFilter
from adapters.postgres.exports import datasets, finance_rows
from adapters.postgres.exports.cells import select_rows
from adapters.postgres.exports.copies import stream_rows
from adapters.postgres.exports.datasets import DisputeFilter, VerdictFilter
from adapters.postgres.exports.finance_rows import FinanceFilter
from adapters.postgres.settlement.listings.payments import PaymentFilter
from domain.access.scopes import Scope
from domain.analytics.trends import AnalyticsFilter, TrendPoint
from domain.exports.datasets import COLUMNS, CellKind, Dataset, ExportFormat
from domain.money import format_amount
from domain.sla.bulk.formulas import disarm_text
from domain.sla.listings import OutageFilter

ExportFilter = (
    OutageFilter
    | PaymentFilter
    | VerdictFilter
    | DisputeFilter
    | AuditFilter
    | AnalyticsFilter
    | FinanceFilter
)
FILTERS: Mapping[Dataset, type[Any]] = {
    Dataset.OUTAGES: OutageFilter,
    Dataset.PAYMENTS: PaymentFilter,
    Dataset.VERDICTS: VerdictFilter,
    Dataset.DISPUTES: DisputeFilter,
    Dataset.AUDIT: AuditFilter,
    Dataset.ANALYTICS: AnalyticsFilter,
    Dataset.FINANCE: FinanceFilter,
}


async def read_rows(
    connection: AsyncConnection,
    dataset: Dataset,
    wanted: ExportFilter,
    scope: Scope,
    form: ExportFormat,
) -> AsyncGenerator[list[bytes]]:
    """Yield rows in blocks, each without the end of its line."""
    if isinstance(wanted, AnalyticsFilter):
        days = await read_days(connection, scope, wanted)
        yield [_write_row(dataset, each, form) for each in map(_list_cells, days)]
        return
    statement = select_rows(_select(wanted, scope), dataset, form)
    async with aclosing(stream_rows(connection, statement, form)) as blocks:
        async for block in blocks:
            yield block


def _select(wanted: ExportFilter, scope: Scope) -> Select[Any]:
    match wanted:
        case OutageFilter():
            return datasets.select_outages(scope, wanted)
        case PaymentFilter():
            return datasets.select_payments(scope, wanted)
        case VerdictFilter():
            return datasets.select_verdicts(scope, wanted)
        case DisputeFilter():
            return datasets.select_disputes(scope, wanted)
        case FinanceFilter():
            return finance_rows.select_finance(scope, wanted)
        case AuditFilter():
            return datasets.select_audit(wanted)
        case AnalyticsFilter():
            raise AssertionError("analytics are summed, not selected")


async def read_days(
    connection: AsyncConnection, scope: Scope, wanted: AnalyticsFilter
) -> list[TrendPoint]:
    """Return each day (UTC) from the first to the last that has a verdict: where exports read analytics."""
    days = await trends.list_days(connection, scope, wanted)
    judged = [n for n, each in enumerate(days) if each.totals.outages]
    return days[judged[0] : judged[-1] + 1] if judged else []


def _list_cells(each: TrendPoint) -> list[Any]:
    totals = each.totals
    sums = (totals.rewards_stroops, totals.penalties_stroops, totals.net_stroops)
    amounts = [shown for stroops in sums for shown in (format_amount(stroops), str(stroops))]
    return [each.day.isoformat(), totals.outages, totals.violations, totals.minutes, *amounts]


def _write_row(dataset: Dataset, cells: Sequence[Any], form: ExportFormat) -> bytes:
    columns = COLUMNS[dataset]
    if form is not ExportFormat.CSV:
        names = (each.name for each in columns)
        return orjson.dumps(dict(zip(names, cells, strict=True)))
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(
        disarm_text(cell) if each.kind is CellKind.TEXT else cell
        for each, cell in zip(columns, cells, strict=True)
    )
    return line.getvalue().encode()
