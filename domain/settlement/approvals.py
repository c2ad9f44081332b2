"""
Approvals: two people approve a large payment, and one that of which stated minutes change much. None is a
maker of it, who declared, amended or resolved the outage, or decided its dispute. Where a maker is unverified, who only said a name, one of those
who approve may be that maker: then it takes a third.

An approval is bound to what was approved by a digest: another payee or another amount is another
payment, and nobody has approved that yet.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.access.permissions import Permission
from domain.access.principals import Principal, check_permission
from domain.digests import compute_fingerprint
from domain.errors import Conflict, Forbidden, Invalid
from domain.money import format_amount
from domain.requests import UNVERIFIED, is_unverified
from domain.settlement.payments import Payment, PaymentStatus

APPROVERS = 2
NOTE_MAX = 300
# Nothing is signed in these states; past them an approval has no effect any more.
UNSIGNED = frozenset({PaymentStatus.PENDING, PaymentStatus.BLOCKED, PaymentStatus.ON_HOLD})
# Signing follows an admission by seconds; an activity that takes longer is run, and admitted, anew.
SIGNING = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's consent that one payment, exactly as it stands, may be made."""

    payment_id: str
    approver: str
    makers: Sequence[str]
    digest: str
    note: str


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """An approval on record: void once withdrawn, or once the payment is to be made differently."""

    approver: str
    note: str
    approved_at: datetime
    digest: str
    voided_at: datetime | None
    voided_reason: str | None


@dataclass(frozen=True, slots=True)
class ApprovalContext:
    """
    What an approver is asked about: the payment, its makers, and who has approved it. `taken`
    is true from the moment a (channel, sequence) is reserved for it, alone or in a batch.
    """

    payment: Payment
    status: PaymentStatus
    makers: Sequence[str]
    approvers: Collection[str]
    taken: bool = False
    # By how much stated minutes change what is owed, against the measured ones.
    difference_stroops: int = 0


def compute_digest(payment: Payment) -> str:
    """Return the SHA-256 of what is approved: which payment, how much, from whom and to whom."""
    return compute_fingerprint(
        {
            "payment_id": payment.id,
            "number": str(payment.number),
            "amount_stroops": str(payment.amount_stroops),
            "from_address": payment.from_address,
            "to_address": payment.to_address,
        }
    )


def count_needed(makers: Sequence[str], required: int = APPROVERS) -> int:
    """Return how many people must approve: one more where nobody knows who a maker was."""
    return required + any(is_unverified(maker) for maker in makers)


def count_required(
    payment: Payment, difference_stroops: int, above: int | None, above_stated: int | None
) -> int:
    """
    Return how many others than its makers must approve a payment: two for its amount, or one where the
    minutes that people stated contradict the measured ones by more than is left to one person.
    """
    if needs_approval(payment, above):
        return APPROVERS
    return int(above_stated is not None and difference_stroops > above_stated)


def needs_approval(payment: Payment, approval_above: int | None) -> bool:
    return approval_above is not None and payment.amount_stroops > approval_above


def check_approver(who: Principal) -> None:
    check_permission(who, Permission.PAYMENTS_APPROVE)


def approve(
    context: ApprovalContext,
    who: Principal,
    note: str,
    approval_above: int | None,
    above_stated: int | None = None,
    seen: str | None = None,
) -> Approval:
    """Return the approval, or refuse it: the wrong person, too late, twice, not needed, or not what they have `seen`, by its digest."""
    check_approver(who)
    if len(note) > NOTE_MAX:
        raise Invalid("note", f"must be at most {NOTE_MAX} characters")
    payment = context.payment
    if {who.name, UNVERIFIED + who.name} & set(context.makers):
        raise Forbidden(
            f"{who.name} is a maker of payment {payment.id} and may not approve it; ask another person"
        )
    if context.status not in UNSIGNED:
        raise Conflict(f"payment {payment.id} is {context.status}; there is nothing to approve")
    digest = compute_digest(payment)
    if seen not in (None, digest):
        now = f"it pays {format_amount(payment.amount_stroops)} USDC to {payment.to_address} now"
        raise Conflict(f"payment {payment.id} is not as you saw it: {now}; read it again first")
    difference = context.difference_stroops
    if not count_required(payment, difference, approval_above, above_stated):
        raise Conflict(
            f"payment {payment.id} of {format_amount(payment.amount_stroops)} USDC needs no approval"
        )
    if who.name in context.approvers:
        raise Conflict(
            f"{who.name} has approved payment {payment.id}; a second person must approve it as well"
        )
    return Approval(payment.id, who.name, context.makers, digest, note)


def check_voider(actor: str, makers: Collection[str]) -> None:
    """Refuse whoever made the verdict whose debt is to be voided."""
    if {actor, UNVERIFIED + actor} & set(makers):
        raise Forbidden(
            f"{actor} declared, amended or resolved the outage, or decided its dispute, and may not void "
            "what it owes; ask another person"
        )


def check_unsigned(payment: Payment, status: PaymentStatus, *, in_attempt: bool) -> None:
    """Refuse to void a payment that signed bytes may make, now or in a moment."""
    if status in UNSIGNED and not in_attempt:
        return
    why = {
        PaymentStatus.CONFIRMED: "is paid: what was paid cannot be voided",
        PaymentStatus.QUARANTINED: "is in quarantine: release its channel first",
        PaymentStatus.PREPARED: "is signed and may be paid at any moment",
        PaymentStatus.SUBMITTED: "is sent and may be paid at any moment",
    }.get(
        status,
        f"is {status}, and a channel is reserved to sign it: repeat the request in a minute; if bytes of it have "
        "expired unused, it cannot be voided before their sequence is used up",
    )
    raise Conflict(f"payment {payment.id} {why}")


def check_withdrawal(
    context: ApprovalContext, who: Principal, admitted_at: datetime | None, now: datetime
) -> None:
    """Refuse to take an approval back once something may have been signed on it."""
    payment_id = context.payment.id
    if who.name not in context.approvers:
        raise Conflict(f"{who.name} has no approval of payment {payment_id} to withdraw")
    if context.status not in UNSIGNED:
        raise Conflict(f"payment {payment_id} is {context.status}: it is signed already")
    if context.taken or (admitted_at is not None and now - admitted_at < SIGNING):
        raise Conflict(f"payment {payment_id} is being signed; repeat the request in a minute")
