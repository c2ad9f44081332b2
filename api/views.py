"""What callers see of rows and verdicts: one shape for each noun, whoever asks."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel

from domain.exports.statuses import OUTAGE_STATUSES
from domain.money import format_amount
from domain.sla.attestations import AttestationRecord, AttestationStatus
from domain.sla.outages import Location, Outage, OutageStatus, RecordedOutage
from domain.sla.verdicts import PaymentType, Rating, Severity, SlaStatus, Verdict

Item = TypeVar("Item")


def to_number(amount_stroops: int) -> int | float:
    """Show stroops as a JSON number of at most 7 decimals; `amount_stroops` is the exact one."""
    text = format_amount(amount_stroops)
    return float(text) if "." in text else int(text)


class PageView(BaseModel, Generic[Item]):
    items: list[Item]
    total: int
    page: int
    page_size: int


class CursorPageView(PageView[Item], Generic[Item]):
    """
    Pass `next_cursor` as `cursor` to go on: nothing is skipped, whatever changes meanwhile. A `total` above 10,000 is
    estimated.
    """

    total_is_estimated: bool
    next_cursor: str | None


class TermsView(BaseModel):
    """Whole minutes and whole USDC."""

    threshold_minutes: int
    penalty_per_minute: int
    reward_base: int


class AttestationView(BaseModel):
    """
    The SLA contract's confirmation of a verdict: until it is attested nothing is paid, and `problem` says
    why it is halted. `config_hash` is the contract's, of the terms in `config_snapshot`.
    """

    status: AttestationStatus
    problem: str | None
    symbol: str
    contract_id: str | None
    transaction_hash: str | None
    ledger: int | None
    config_hash: str | None
    config_snapshot: dict[Severity, TermsView] | None
    fresh: bool | None
    attested_at: datetime | None

    @classmethod
    def of(cls, record: AttestationRecord | None) -> "AttestationView | None":
        if record is None:
            return None
        # The hash has more digits than a JSON number keeps everywhere.
        hash_ = record.config_hash
        return cls(
            status=record.status,
            problem=record.problem,
            symbol=record.symbol,
            contract_id=record.contract_id,
            transaction_hash=record.transaction_hash,
            ledger=record.ledger,
            config_hash=None if hash_ is None else str(hash_),
            config_snapshot=None
            if record.config_snapshot is None
            else {
                Severity(name): TermsView.model_validate(terms)
                for name, terms in record.config_snapshot.items()
            },
            fresh=record.fresh,
            attested_at=record.attested_at,
        )


class SlaView(BaseModel):
    """The verdict; `amount` is in USDC, positive for a reward, negative for a penalty."""

    status: SlaStatus
    mttr_minutes: int
    threshold_minutes: int
    amount: int | float
    amount_stroops: str
    payment_type: PaymentType
    rating: Rating
    revision: int = 1
    attestation: AttestationView | None = None

    @classmethod
    def of(
        cls, verdict: Verdict, revision: int = 1, attestation: AttestationView | None = None
    ) -> "SlaView":
        return cls(
            status=verdict.status,
            mttr_minutes=verdict.mttr_minutes,
            threshold_minutes=verdict.threshold_minutes,
            amount=verdict.amount,
            amount_stroops=str(verdict.amount_stroops),
            payment_type=verdict.payment_type,
            rating=verdict.rating,
            revision=revision,
            attestation=attestation,
        )


class OutageView(BaseModel):
    """
    `status` says whether the service is down, `lifecycle` where its settlement stands, and `parts` which
    outages are the same under further agreements (null in lists). One that was `settled_elsewhere` was imported
    with its verdict, and stays as it is.
    """

    id: str
    site_name: str
    site_id: str | None
    severity: Severity
    status: str
    lifecycle: OutageStatus
    detected_at: datetime
    declared_at: datetime
    resolved_at: datetime | None
    dispute_deadline: datetime | None
    closed_at: datetime | None
    description: str
    affected_services: list[str]
    affected_subscribers: int | None
    assigned_to: str | None
    location: Location | None
    root_cause: str | None
    resolution_notes: str | None
    policy: str
    policy_version: int
    agreement: str
    agreement_version: int
    customer: str | None
    part_of: str | None
    parts: list[str] | None
    sla_status: SlaView | None
    settled_elsewhere: bool
    correlation_id: str
    workflow_id: str

    @classmethod
    def of(cls, record: RecordedOutage) -> "OutageView":
        attestation = AttestationView.of(record.attestation)
        return cls.model_validate(
            {
                **{name: getattr(record.outage, name) for name in _DECLARED},
                "location": record.outage.location and asdict(record.outage.location),
                "declared_at": record.declared_at,
                **{name: getattr(record, name) for name in _RECORDED},
                "status": to_outage_status(record.status),
                "lifecycle": record.status,
                "sla_status": record.judged
                and SlaView.of(record.judged[1], record.judged[0], attestation),
                "workflow_id": f"outage/{record.outage.id}",
            }
        )


_DECLARED = tuple(each.name for each in fields(Outage))
_RECORDED = (
    *("resolved_at", "dispute_deadline", "closed_at", "root_cause"),
    *("resolution_notes", "policy", "policy_version", "agreement", "agreement_version"),
    *("part_of", "parts", "settled_elsewhere", "correlation_id"),
)


def to_outage_status(lifecycle: OutageStatus) -> str:
    """Fold the lifecycle of an outage into what the frontend knows: open, resolved, cancelled."""
    return _FOLDED[lifecycle]


_FOLDED = {
    lifecycle: status for status, lifecycles in OUTAGE_STATUSES.items() for lifecycle in lifecycles
}
