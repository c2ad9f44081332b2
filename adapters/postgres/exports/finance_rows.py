"""
Finance: what each debt has cost and was paid in each month, by the postings of the journal and by nothing else.

The expense accounts say what was cost: an accrual is gross, whatever takes it back or puts it right an
adjustment. The journal is only added to, so the rows of a month that is over never change.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Label,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from adapters.postgres.access.scopes import list_outage_conditions
from adapters.postgres.exports.datasets import list_bounds
from adapters.postgres.tables import entries, outages, payments, postings, sla_results
from domain.access.scopes import Scope
from domain.accounting.journal import EntryKind
from domain.sla.verdicts import PaymentType

RECONCILIATION = "reconciliation"
_IS_EXPENSE = postings.c.account.startswith("expense:", autoescape=True)
# What left a treasury for a debt, or turned out not to have left it.
_IS_PAYMENT = and_(
    postings.c.account.startswith("treasury:", autoescape=True),
    entries.c.kind.in_([EntryKind.SETTLEMENT, EntryKind.REVERSAL]),
)
_TYPE = case(
    (postings.c.account == f"expense:{RECONCILIATION}", literal(RECONCILIATION)),
    (_IS_EXPENSE, func.split_part(postings.c.account, ":", 2)),
    else_=func.coalesce(sla_results.c.payment_type, payments.c.type),
)
# Of a debt that is owed by its verdict alone, or by its payment too.
_OUTAGE_ID = func.coalesce(sla_results.c.outage_id, payments.c.outage_id)
_PERIOD = func.to_char(func.timezone("UTC", entries.c.posted_at), "YYYY-MM")


@dataclass(frozen=True, slots=True)
class FinanceFilter:
    """All of it must hold. `since` and `until` (exclusive) are of the posting."""

    agreement: str | None = None
    type: PaymentType | None = None
    since: datetime | None = None
    until: datetime | None = None


def select_finance(scope: Scope, wanted: FinanceFilter) -> Select[Any]:
    """
    Select a row for each debt and each month in which something was posted for it; and one for each month
    and debt of what breaks have cost, where the agreement is empty if they belong to none.
    """
    of_debt = {
        "period": _PERIOD,
        "agreement": outages.c.agreement,
        "currency": entries.c.currency,
        "type": _TYPE,
        "outage_id": _OUTAGE_ID,
        "revision": func.coalesce(sla_results.c.revision, payments.c.revision),
        "payment_id": entries.c.payment_id,
    }
    return (
        select(*(value.label(name) for name, value in of_debt.items()), *_list_sums())
        .select_from(
            postings.join(entries, entries.c.id == postings.c.entry_id)
            .outerjoin(sla_results, sla_results.c.payment_id == entries.c.payment_id)
            .outerjoin(payments, payments.c.id == entries.c.payment_id)
            .outerjoin(outages, outages.c.id == _OUTAGE_ID)
        )
        .where(
            or_(_IS_EXPENSE, _IS_PAYMENT),
            *list_outage_conditions(scope),
            *([] if wanted.agreement is None else [outages.c.agreement == wanted.agreement]),
            *([] if wanted.type is None else [_TYPE.in_([wanted.type])]),
            *list_bounds(entries.c.posted_at, wanted.since, wanted.until),
        )
        .group_by(*of_debt.values())
    )


def _list_sums() -> list[Label[Any]]:
    is_gross = and_(_IS_EXPENSE, entries.c.kind == EntryKind.ACCRUAL)
    sums = {
        "gross": _sum(is_gross),
        "adjustments": _sum(and_(_IS_EXPENSE, entries.c.kind != EntryKind.ACCRUAL)),
        "net": _sum(_IS_EXPENSE),
        "paid": -_sum(_IS_PAYMENT),
    }
    named = [
        value.label(f"{name}{suffix}")
        for name, value in sums.items()
        for suffix in ("", "_stroops")
    ]
    hashes = entries.c.transaction_hash
    separated = aggregate_order_by(cast(literal(" "), String), hashes)
    return [
        *named,
        func.string_agg(hashes.distinct(), separated).label("transaction_hash"),
        func.min(entries.c.posted_at).label("first_posted_at"),
        func.max(entries.c.posted_at).label("last_posted_at"),
    ]


def _sum(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(postings.c.amount_stroops).filter(condition), 0)
