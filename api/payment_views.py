"""What callers see of a payment."""

from datetime import datetime

from pydantic import BaseModel

from api.views import to_number
from domain.exports.statuses import PAYMENT_STATUSES
from domain.reasons import ReasonCode
from domain.settlement.payments import Payment, PaymentRecord, PaymentStatus
from domain.sla.verdicts import PaymentType


class PaymentView(BaseModel):
    """`amount` is a magnitude in USDC; `state` is exact, `status` is what the frontend shows."""

    id: str
    # The muxed id on the chain, as text: it has more digits than a JSON number keeps everywhere.
    number: str | None
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
    # Why it is on hold, blocked or quarantined: the code for programs, and the sentence for people.
    reason_code: ReasonCode | None
    status_reason: str | None
    created_at: datetime | None
    confirmed_at: datetime | None

    @classmethod
    def of(cls, record: PaymentRecord) -> "PaymentView":
        return cls.planned(record.payment).model_copy(
            update={
                "status": to_payment_status(record.status),
                "state": record.status,
                "asset_code": record.asset_code,
                "transaction_hash": record.transaction_hash,
                "ledger": record.ledger,
                "reason_code": record.reason_code,
                "status_reason": record.status_reason,
                "created_at": record.created_at,
                "confirmed_at": record.confirmed_at,
            }
        )

    @classmethod
    def planned(cls, payment: Payment) -> "PaymentView":
        """Show what will be paid once the dispute window has passed."""
        return cls(
            id=payment.id,
            number=str(payment.number) if payment.number else None,
            outage_id=payment.outage_id,
            revision=payment.revision,
            type=payment.type,
            status="pending",
            state=PaymentStatus.PENDING,
            amount=to_number(payment.amount_stroops),
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


def to_payment_status(state: PaymentStatus) -> str:
    return next(status for status, states in PAYMENT_STATUSES.items() if state in states)
