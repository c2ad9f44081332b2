"""What callers see of rows and verdicts: one shape for each noun, whoever asks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from domain.money import format_amount
from domain.reasons import ReasonCode
from domain.settlement.payments import Payment, PaymentStatus
from domain.sla.attestations import AttestationStatus
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import (
    PaymentType,
    Rating,
    Severity,
    SlaStatus,
    Verdict,
)

Item = TypeVar("Item")


def number(amount_stroops: int) -> int | float:
    """Show stroops as a JSON number of at most 7 decimals; `amount_stroops` is the exact one."""
    text = format_amount(amount_stroops)
    return float(text) if "." in text else int(text)


class PageView(BaseModel, Generic[Item]):
    items: list[Item]
    total: int
    page: int
    page_size: int


class LocationView(BaseModel):
    latitude: float
    longitude: float


class TermsView(BaseModel):
    """Whole minutes and whole USDC."""

    threshold_minutes: int
    penalty_per_minute: int
    reward_base: int


class AttestationView(BaseModel):
    """
    The SLA contract's confirmation on a verdict: until it is attested nothing is paid, and `problem` says
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
    location: LocationView | None
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
                "status": outage_status(lifecycle),
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


def outage_status(lifecycle: OutageStatus) -> str:
    """Fold the life of a settlement into what the frontend knows: open, resolved, cancelled."""
    return next(status for status, lives in STATES.items() if lifecycle in lives)


def _sla_of(row: Mapping[str, Any]) -> SlaView | None:
    if row["sla_revision"] is None:
        return None
    return SlaView(
        status=row["sla_status"],
        mttr_minutes=row["sla_mttr_minutes"],
        threshold_minutes=row["sla_threshold_minutes"],
        amount=number(row["sla_amount_stroops"]),
        amount_stroops=str(row["sla_amount_stroops"]),
        payment_type=row["sla_payment_type"],
        rating=row["sla_rating"],
        revision=row["sla_revision"],
        attestation=AttestationView.of(row),
    )


class PaymentView(BaseModel):
    """`amount` is a magnitude in USDC; `state` is the exact step, `status` the short of it."""

    id: str
    number: int
    outage_id: str
    revision: int
    type: PaymentType
    status: str
    state: PaymentStatus
    amount: int | float
    amount_stroops: str
    asset_code: str
    from_address: str
    to_address: str
    transaction_hash: str | None
    ledger: int | None
    # Why it is held, parked or in quarantine: what programs go by, and the sentence for people.
    reason_code: ReasonCode | None
    status_reason: str | None
    created_at: datetime | None
    confirmed_at: datetime | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "PaymentView":
        state = PaymentStatus(row["status"])
        return cls.model_validate(
            {
                **row,
                "status": payment_status(state),
                "state": state,
                "amount": number(row["amount_stroops"]),
                "amount_stroops": str(row["amount_stroops"]),
            }
        )

    @classmethod
    def planned(cls, payment: Payment) -> "PaymentView":
        """Show what will be paid once the dispute window has passed."""
        return cls(
            id=payment.id,
            number=payment.number,
            outage_id=payment.outage_id,
            revision=payment.revision,
            type=payment.type,
            status="pending",
            state=PaymentStatus.PENDING,
            amount=number(payment.amount_stroops),
            amount_stroops=str(payment.amount_stroops),
            asset_code="USDC",
            from_address=payment.from_address,
            to_address=payment.to_address,
            transaction_hash=None,
            ledger=None,
            reason_code=None,
            status_reason=None,
            created_at=None,
            confirmed_at=None,
        )


PAYMENT_STATES = {
    "pending": [
        PaymentStatus.PENDING,
        PaymentStatus.ON_HOLD,
        PaymentStatus.PREPARED,
        PaymentStatus.SUBMITTED,
    ],
    "confirmed": [PaymentStatus.CONFIRMED],
    "completed": [PaymentStatus.CONFIRMED],
    "failed": [PaymentStatus.BLOCKED, PaymentStatus.QUARANTINED],
}


def payment_status(state: PaymentStatus) -> str:
    return next(status for status, states in PAYMENT_STATES.items() if state in states)
