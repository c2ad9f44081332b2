"""What callers see of rows and verdicts: one shape for each noun, whoever asks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from domain.money import format_amount
from domain.sla.attestations import AttestationStatus
from domain.sla.outages import Location, OutageStatus
from domain.sla.verdicts import (
    PaymentType,
    Rating,
    Severity,
    SlaStatus,
    Verdict,
)

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
    def of(cls, row: Mapping[str, Any]) -> "AttestationView | None":
        if row["attestation_status"] is None:
            return None
        shown = {name: row[f"attestation_{name}"] for name in cls.model_fields}
        hash_ = shown["config_hash"]
        return cls.model_validate(shown | {"config_hash": hash_ and str(hash_)})


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
    """`status` says whether the service is down; `lifecycle` where its settlement stands."""

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
    sla_status: SlaView | None
    correlation_id: str
    workflow_id: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "OutageView":
        lifecycle = OutageStatus(row["status"])
        return cls.model_validate(
            {
                **row,
                "status": to_outage_status(lifecycle),
                "lifecycle": lifecycle,
                "sla_status": _sla_of(row),
                "workflow_id": f"outage/{row['id']}",
            }
        )


STATES = {
    "open": [OutageStatus.DECLARED],
    "resolved": [
        OutageStatus.DISPUTABLE,
        OutageStatus.DISPUTED,
        OutageStatus.SETTLING,
        OutageStatus.CLOSED,
    ],
    "cancelled": [OutageStatus.CANCELLED],
}


def to_outage_status(lifecycle: OutageStatus) -> str:
    """Fold the lifecycle of an outage into what the frontend knows: open, resolved, cancelled."""
    return next(status for status, lifecycles in STATES.items() if lifecycle in lifecycles)


def _sla_of(row: Mapping[str, Any]) -> SlaView | None:
    if row["sla_revision"] is None:
        return None
    return SlaView(
        status=row["sla_status"],
        mttr_minutes=row["sla_mttr_minutes"],
        threshold_minutes=row["sla_threshold_minutes"],
        amount=to_number(row["sla_amount_stroops"]),
        amount_stroops=str(row["sla_amount_stroops"]),
        payment_type=row["sla_payment_type"],
        rating=row["sla_rating"],
        revision=row["sla_revision"],
        attestation=AttestationView.of(row),
    )
