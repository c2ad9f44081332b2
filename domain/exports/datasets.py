"""
Datasets: what can be exported, and which columns each has, in which order.

docs/exports.md says what each column holds. A column is added at the end of its dataset, and never taken away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Dataset(StrEnum):
    OUTAGES = "outages"
    PAYMENTS = "payments"
    VERDICTS = "verdicts"
    DISPUTES = "disputes"
    AUDIT = "audit"
    ANALYTICS = "analytics"
    FINANCE = "finance"


class ExportFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"


class CellKind(StrEnum):
    """What a cell holds, and so how it is written. In CSV what is not there is empty."""

    TEXT = "text"  # what somebody wrote: guarded against formulas in CSV
    CODE = "code"  # a status, a hash, a day, an address: of the engine's own letters
    INTEGER = "integer"
    DECIMAL = "decimal"  # a number that is no amount
    BOOLEAN = "boolean"
    JSON = "json"
    INSTANT = "instant"  # 2026-01-31T12:00:00.000000Z
    AMOUNT = "amount"  # exact, without zeros at its end; text in JSON
    STROOPS = "stroops"  # the same amount in stroops; text in JSON


@dataclass(frozen=True, slots=True)
class ExportColumn:
    name: str
    kind: CellKind


def _make_columns(**names: str) -> dict[str, CellKind]:
    """Return the kind of each name, of `kind="name name"`; the callers put them in order."""
    return {name: CellKind(kind) for kind, said in names.items() for name in said.split()}


def _order(names: str, kinds: Mapping[str, CellKind]) -> tuple[ExportColumn, ...]:
    """Return the columns in the order of their names; what no kind is given of is text."""
    return tuple(ExportColumn(name, kinds.get(name, CellKind.TEXT)) for name in names.split())


_OUTAGES = _order(
    """
    id site_name site_id severity status lifecycle detected_at declared_at resolved_at dispute_deadline
    closed_at description affected_services affected_subscribers assigned_to latitude longitude root_cause
    resolution_notes agreement agreement_version policy policy_version customer part_of sla_revision
    sla_status mttr_minutes threshold_minutes rating payment_type amount amount_stroops correlation_id
    """,
    _make_columns(
        code="severity status lifecycle sla_status rating payment_type",
        instant="detected_at declared_at resolved_at dispute_deadline closed_at",
        integer="affected_subscribers agreement_version policy_version sla_revision mttr_minutes threshold_minutes",
        decimal="latitude longitude",
        json="affected_services",
        amount="amount",
        stroops="amount_stroops",
    ),
)
_PAYMENTS = _order(
    """
    id number outage_id revision agreement type status state amount amount_stroops asset_code from_address
    to_address transaction_hash ledger reason_code status_reason created_at confirmed_at correlation_id
    """,
    _make_columns(
        code="id number type status state asset_code from_address to_address transaction_hash reason_code",
        integer="revision ledger",
        instant="created_at confirmed_at",
        amount="amount",
        stroops="amount_stroops",
    ),
)
_VERDICTS = _order(
    """
    outage_id revision holds site_name site_id agreement severity status payment_type rating mttr_minutes
    mttr_basis measured_minutes threshold_minutes amount amount_stroops policy policy_version policy_digest
    judged_at payment_id
    """,
    _make_columns(
        code="severity status payment_type rating mttr_basis policy_digest payment_id",
        integer="revision mttr_minutes measured_minutes threshold_minutes policy_version",
        boolean="holds",
        instant="judged_at",
        amount="amount",
        stroops="amount_stroops",
    ),
)
_DISPUTES = _order(
    """
    id outage_id agreement revision status reason filed_by created_at decision_deadline reviewed_by
    review_began_at decided_by decided_at resolution_note decided_mttr_minutes decided_severity
    """,
    _make_columns(
        code="id status decided_severity",
        integer="revision decided_mttr_minutes",
        instant="created_at decision_deadline review_began_at decided_at",
    ),
)
_AUDIT = _order(
    "sequence id at subject action actor correlation_id evidence leaf_hash",
    _make_columns(integer="sequence", code="id leaf_hash", instant="at", json="evidence"),
)
_ANALYTICS = _order(
    """
    date outages violations minutes rewards rewards_stroops penalties penalties_stroops net net_stroops
    """,
    _make_columns(
        code="date",
        integer="outages violations minutes",
        amount="rewards penalties net",
        stroops="rewards_stroops penalties_stroops net_stroops",
    ),
)
_FINANCE = _order(
    """
    period agreement currency type outage_id revision payment_id gross gross_stroops adjustments
    adjustments_stroops net net_stroops paid paid_stroops transaction_hash first_posted_at last_posted_at
    """,
    _make_columns(
        code="period currency type payment_id transaction_hash",
        integer="revision",
        amount="gross adjustments net paid",
        stroops="gross_stroops adjustments_stroops net_stroops paid_stroops",
        instant="first_posted_at last_posted_at",
    ),
)
COLUMNS: Mapping[Dataset, Sequence[ExportColumn]] = {
    Dataset.OUTAGES: _OUTAGES,
    Dataset.PAYMENTS: _PAYMENTS,
    Dataset.VERDICTS: _VERDICTS,
    Dataset.DISPUTES: _DISPUTES,
    Dataset.AUDIT: _AUDIT,
    Dataset.ANALYTICS: _ANALYTICS,
    Dataset.FINANCE: _FINANCE,
}
# In which order the rows come; a name with a minus is read from the last value to the first.
ORDERS: Mapping[Dataset, Sequence[str]] = {
    Dataset.OUTAGES: ("-detected_at", "-id"),
    Dataset.PAYMENTS: ("-created_at", "-id"),
    Dataset.VERDICTS: ("-judged_at", "outage_id", "revision"),
    Dataset.DISPUTES: ("-created_at", "id"),
    Dataset.AUDIT: ("sequence",),
    Dataset.ANALYTICS: ("date",),
    Dataset.FINANCE: (
        "period",
        "agreement",
        "currency",
        "outage_id",
        "revision",
        "payment_id",
        "type",
    ),
}
