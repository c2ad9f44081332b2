"""The forms beside a payment: approving it, having it tried again, and matching it with a transfer made out of band."""

from collections.abc import Iterator
from typing import cast

from api.console.forms.outage_forms import NOTE, ActionForm, FormField
from api.payment_views import PaymentView
from domain.access.permissions import Permission
from domain.access.principals import Principal
from domain.reasons import WAITS, ReasonCode, WaitsFor
from domain.settlement.approvals import compute_digest
from domain.settlement.manual_matches import MATCHABLE, NOTE_MAX
from domain.settlement.payments import STOPPED, Payment, PaymentStatus


def list_payment_forms(payment: PaymentView, caller: Principal) -> Iterator[ActionForm]:
    """Yield what may be done with a payment as it stands, on the page of its outage."""
    back = f"/console/outages/{payment.outage_id}"
    yield from list_approval_forms(payment, caller, back)
    yield from list_retry_forms(payment, caller, back)
    if payment.state in MATCHABLE and caller.may(Permission.PAYMENTS_MATCH):
        yield make_match_form(payment.id, back)


def make_match_form(payment_id: str, back: str, transaction_hash: str = "") -> ActionForm:
    """Return the form for a person who knows that a transfer made out of band is the payment."""
    hash_ = FormField(
        *("transaction_hash", "Transaction", "text", "its hash, 64 hexadecimal digits"),
        value=transaction_hash,
        required=True,
        length=64,
    )
    note = FormField("note", "Note", "area", required=True, length=NOTE_MAX)
    path, title = f"/console/payments/{payment_id}/match", "A transfer has paid it: match the two"
    fields, hidden = (hash_, note), {"back": back}
    return ActionForm(f"match-{payment_id}", path, title, "Match", fields, hidden, final=True)


def list_approval_forms(payment: PaymentView, caller: Principal, back: str) -> Iterator[ActionForm]:
    if caller.may(Permission.PAYMENTS_APPROVE) and _waits_for_approval(payment):
        path, id_, hidden = f"/console/payments/{payment.id}", payment.id, {"back": back}
        # Nothing is approved but what is shown: what the digest is made of is the same of a view.
        seen = hidden | {"digest": compute_digest(cast(Payment, payment))}
        yield ActionForm(f"approve-{id_}", f"{path}/approve", "Approve", "Approve", (NOTE,), seen)
        title = "Take your approval back"
        yield ActionForm(f"unapprove-{id_}", f"{path}/unapprove", title, "Withdraw", (), hidden)


def list_retry_forms(payment: PaymentView, caller: Principal, back: str) -> Iterator[ActionForm]:
    stands = payment.state in (*STOPPED, PaymentStatus.PENDING)
    if caller.may(Permission.PAYMENTS_RETRY) and stands:
        path, id_, hidden = f"/console/payments/{payment.id}", payment.id, {"back": back}
        title = "Try again now: what stopped it is mended"
        yield ActionForm(f"retry-{id_}", f"{path}/retry", title, "Try again", (), hidden)
        if payment.state is PaymentStatus.QUARANTINED:
            title = "Compare it with the chain now"
            yield ActionForm(f"compare-{id_}", f"{path}/compare", title, "Compare", (), hidden)


def _waits_for_approval(payment: PaymentView) -> bool:
    code: ReasonCode | None = payment.reason_code
    return code is not None and WAITS[code] is WaitsFor.APPROVAL
