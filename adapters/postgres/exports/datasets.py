"""Which rows a dataset has: those that the list of the same name shows to the same caller, each with all its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Label, Numeric, Select, Text, and_, case, cast, func, select
from sqlalchemy.dialects.postgresql import JSON

from adapters.postgres.access.scopes import list_conditions, list_outage_conditions
from adapters.postgres.audit import AuditFilter
from adapters.postgres.settlement.listings import payments as payment_listings
from adapters.postgres.settlement.listings.payments import PaymentFilter
from adapters.postgres.sla import listings
from adapters.postgres.tables import audit_entries, disputes, outages, payments, sla_results
from domain.access.scopes import Scope
from domain.exports.statuses import OUTAGE_STATUSES, PAYMENT_STATUSES
from domain.sla.listings import OutageFilter
from domain.sla.outage_rules import TAKEN_BACK
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import Severity, SlaStatus

# Whose verdicts are taken back: the outage is open again, or its debt was voided.


@dataclass(frozen=True, slots=True)
class VerdictFilter:
    """All of it must hold. `since` and `until` (exclusive) are of the judgement; a site is an id or a name."""

    outage_id: str | None = None
    status: SlaStatus | None = None
    severity: Severity | None = None
    site: str | None = None
    agreement: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DisputeFilter:
    """All of it must hold. `since` and `until` (exclusive) are of the filing."""

    outage_id: str | None = None
    status: str | None = None
    agreement: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def select_outages(scope: Scope, wanted: OutageFilter) -> Select[Any]:
    """Select outages, each with the newest verdict that was not taken back by reopening it."""
    newest = sla_results.alias("newest")
    holds = and_(
        newest.c.outage_id == outages.c.id,
        outages.c.status.not_in((OutageStatus.DECLARED, OutageStatus.CANCELLED)),
        _is_newest(newest),
    )
    place = outages.c.location
    more: list[Label[Any]] = [
        _fold(outages.c.status, OUTAGE_STATUSES).label("status"),
        outages.c.status.label("lifecycle"),
        *(cast(place[name].astext, Numeric).label(name) for name in ("latitude", "longitude")),
        newest.c.revision.label("sla_revision"),
        newest.c.status.label("sla_status"),
        *(newest.c[name].label(name) for name in _OF_VERDICT),
        *_list_amounts(newest.c.amount_stroops),
    ]
    return (
        select(*(outages.c[name] for name in _OF_OUTAGE), *more)
        .select_from(outages.outerjoin(newest, holds))
        .where(*list_outage_conditions(scope), *listings.list_conditions(wanted), *_match(wanted))
    )


def _match(wanted: OutageFilter) -> list[ColumnElement[bool]]:
    if not wanted.search:
        return []
    found = listings.make_match(wanted.search)
    return [found.holds, *found.indexed]


_OF_VERDICT = ("mttr_minutes", "threshold_minutes", "rating", "payment_type")
_OF_OUTAGE = (
    *("id", "site_name", "site_id", "severity", "detected_at", "declared_at", "resolved_at"),
    *("dispute_deadline", "closed_at", "description", "affected_services", "affected_subscribers"),
    *("assigned_to", "root_cause", "resolution_notes", "agreement", "agreement_version"),
    *("policy", "policy_version", "customer", "part_of", "correlation_id"),
)


def _is_newest(result: Any) -> ColumnElement[bool]:
    later = sla_results.alias("later")
    return ~(
        select(later.c.revision)
        .where(later.c.outage_id == result.c.outage_id, later.c.revision > result.c.revision)
        .exists()
    )


def _fold(status: ColumnElement[str], shown: Mapping[str, Sequence[str]]) -> ColumnElement[str]:
    """Return what a status is shown as; of two names the first one."""
    names = {str(each): name for name, each_of in reversed(list(shown.items())) for each in each_of}
    return case(names, value=status)


def _list_amounts(stroops: ColumnElement[int]) -> list[Label[Any]]:
    return [stroops.label("amount"), stroops.label("amount_stroops")]


def select_payments(scope: Scope, wanted: PaymentFilter) -> Select[Any]:
    known = ("number", "status", "amount_stroops")
    return (
        select(
            *(each for each in payments.c if each.name not in known),
            cast(payments.c.number, Text).label("number"),
            _fold(payments.c.status, PAYMENT_STATUSES).label("status"),
            payments.c.status.label("state"),
            outages.c.agreement,
            *_list_amounts(payments.c.amount_stroops),
        )
        .join(outages, outages.c.id == payments.c.outage_id)
        .where(*payment_listings.list_payment_conditions(scope, wanted))
    )


def select_verdicts(scope: Scope, wanted: VerdictFilter) -> Select[Any]:
    """Select every revision of every verdict; that which holds says so."""
    holds = and_(outages.c.status.not_in(TAKEN_BACK), _is_newest(sla_results))
    columns = [each for each in sla_results.c if each.name != "amount_stroops"]
    statement = (
        select(
            *columns,
            holds.label("holds"),
            *(outages.c[name] for name in ("site_name", "site_id", "agreement")),
            *_list_amounts(sla_results.c.amount_stroops),
        )
        .join(outages, outages.c.id == sla_results.c.outage_id)
        .where(*list_outage_conditions(scope))
    )
    # What lists of outages ask of an outage is asked of the verdict where it has its own.
    site = OutageFilter(site=wanted.site, agreement=wanted.agreement)
    statement = statement.where(*listings.list_conditions(site))
    same = {"outage_id": wanted.outage_id, "status": wanted.status, "severity": wanted.severity}
    return statement.where(
        *_list_equal(sla_results, same),
        *list_bounds(sla_results.c.judged_at, wanted.since, wanted.until),
    )


def select_disputes(scope: Scope, wanted: DisputeFilter) -> Select[Any]:
    same = {"outage_id": wanted.outage_id, "status": wanted.status}
    return (
        select(disputes, outages.c.agreement)
        .join(outages, outages.c.id == disputes.c.outage_id)
        .where(
            *list_conditions(scope, disputes.c.outage_id),
            *listings.list_conditions(OutageFilter(agreement=wanted.agreement)),
            *_list_equal(disputes, same),
            *list_bounds(disputes.c.created_at, wanted.since, wanted.until),
        )
    )


def select_audit(wanted: AuditFilter) -> Select[Any]:
    """Select audit entries with the evidence exactly as it was hashed."""
    content = cast(func.convert_from(audit_entries.c.content, "UTF8"), JSON)
    names = ("sequence", "id", "subject", "action", "actor", "correlation_id")
    return select(
        *(audit_entries.c[name] for name in names),
        audit_entries.c.recorded_at.label("at"),
        content["evidence"].label("evidence"),
        func.encode(audit_entries.c.hash, "hex").label("leaf_hash"),
    ).where(*wanted.make_conditions())


def _list_equal(table: Any, wanted: Mapping[str, str | None]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in wanted.items() if value is not None]


def list_bounds(
    instant: ColumnElement[datetime], since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    found = [] if since is None else [instant >= since]
    return found if until is None else [*found, instant < until]
