"""Approvals: never by a maker, never twice, never after signing, and only of the payment as it stood."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.access.permissions import Role
from domain.access.principals import Principal
from domain.errors import Conflict, Forbidden, Invalid
from domain.settlement.approvals import (
    UNSIGNED,
    ApprovalContext,
    approve,
    check_unsigned,
    check_withdrawal,
    compute_digest,
    count_needed,
    needs_approval,
)
from domain.settlement.payments import Payment, PaymentStatus, Treasury
from domain.sla.verdicts import PaymentType

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PAYMENT = Payment(
    "pay_1", 7, "OUT-1", 1, PaymentType.REWARD, 15_000_000_000, Treasury.POOL, "GPOOL", "GPAY", "c"
)
ADA = Principal("ada", Role.FINANCE)
STANDING = ApprovalContext(PAYMENT, PaymentStatus.ON_HOLD, ("dan", "eve"), frozenset())
ABOVE = 12_000_000_000


def test_an_approval_names_its_approver_and_the_digest() -> None:
    given = approve(STANDING, ADA, "seen", ABOVE)
    assert (given.payment_id, given.approver, given.makers) == ("pay_1", "ada", ("dan", "eve"))
    assert given.digest == compute_digest(PAYMENT)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "pay_2"},
        {"number": 8},
        {"amount_stroops": 15_000_000_001},
        {"from_address": "GBOND"},
        {"to_address": "GTHIEF"},
    ],
)
def test_the_digest_changes_with_every_field_of_the_payment(change: dict[str, object]) -> None:
    assert compute_digest(replace(PAYMENT, **change)) != compute_digest(PAYMENT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "may"), [(Role.ADMIN, True), (Role.FINANCE, True), (Role.OPERATOR, False)]
)
def test_only_finance_and_admins_may_approve(role: Role, may: bool) -> None:
    who = Principal("ada", role)
    if may:
        approve(STANDING, who, "", ABOVE)
    else:
        with pytest.raises(Forbidden, match="payments:approve, which the role operator"):
            approve(STANDING, who, "", ABOVE)


def test_a_maker_may_not_approve_whatever_the_role() -> None:
    for role in (Role.ADMIN, Role.FINANCE):
        for name in ("dan", "eve"):
            with pytest.raises(Forbidden, match=f"{name} is a maker of payment pay_1"):
                approve(STANDING, Principal(name, role), "", ABOVE)


def test_what_was_not_shown_is_not_approved() -> None:
    """The payee moved between the look and the approval."""
    shown = compute_digest(PAYMENT)
    assert approve(STANDING, ADA, "", ABOVE, seen=shown).digest == shown
    moved = replace(STANDING, payment=replace(PAYMENT, to_address="GELSEWHERE"))
    with pytest.raises(Conflict, match="is not as you saw it: it pays 1500 USDC to GELSEWHERE now"):
        approve(moved, ADA, "", ABOVE, seen=shown)
    assert approve(moved, ADA, "", ABOVE).digest != shown


def test_nobody_may_approve_twice() -> None:
    with pytest.raises(Conflict, match="ada has approved"):
        approve(replace(STANDING, approvers={"ada"}), ADA, "", ABOVE)
    approve(replace(STANDING, approvers={"bob"}), ADA, "", ABOVE)


@pytest.mark.parametrize("status", set(PaymentStatus) - UNSIGNED)
def test_a_signed_payment_takes_no_approval_and_no_withdrawal(status: PaymentStatus) -> None:
    signed = replace(STANDING, status=status, approvers={"bob"})
    with pytest.raises(Conflict, match=f"pay_1 is {status}"):
        approve(signed, ADA, "", ABOVE)
    with pytest.raises(Conflict, match=f"pay_1 is {status}"):
        check_withdrawal(signed, Principal("bob", Role.FINANCE), None, NOW)


def test_a_payment_that_needs_no_approval_takes_none() -> None:
    for above in (None, PAYMENT.amount_stroops, PAYMENT.amount_stroops + 1):
        assert not needs_approval(PAYMENT, above)
        with pytest.raises(Conflict, match="1500 USDC needs no approval"):
            approve(STANDING, ADA, "", above)
    assert needs_approval(PAYMENT, PAYMENT.amount_stroops - 1)


def test_a_note_has_a_maximum_length() -> None:
    approve(STANDING, ADA, "x" * 300, ABOVE)
    with pytest.raises(Invalid, match="note: "):
        approve(STANDING, ADA, "x" * 301, ABOVE)


def test_only_the_approver_may_withdraw_and_only_before_signing() -> None:
    approved = replace(STANDING, approvers={"ada"})
    check_withdrawal(approved, ADA, None, NOW)
    check_withdrawal(approved, ADA, NOW - timedelta(minutes=1), NOW)
    with pytest.raises(Conflict, match="is being signed; repeat"):
        check_withdrawal(approved, ADA, NOW - timedelta(seconds=29), NOW)
    with pytest.raises(Conflict, match="is being signed; repeat"):
        check_withdrawal(replace(approved, taken=True), ADA, None, NOW)
    with pytest.raises(Conflict, match="bob has no approval"):
        check_withdrawal(approved, Principal("bob", Role.FINANCE), None, NOW)


def test_an_unverified_maker_takes_one_approval_more_and_may_not_be_who_approves() -> None:
    assert count_needed(["dan", "eve"]) == 2
    assert count_needed(["dan", "unverified:eve"]) == 3
    claimed = replace(STANDING, makers=("dan", "unverified:ada"))
    with pytest.raises(Forbidden, match="is a maker"):
        approve(claimed, ADA, "", ABOVE)


def test_a_payment_on_hold_whose_bytes_expired_says_why_it_is_not_voided() -> None:
    """It waits for as long as the circuit breaker is open, however often the request is repeated."""
    with pytest.raises(Conflict, match="cannot be voided before their sequence is used up"):
        check_unsigned(PAYMENT, PaymentStatus.ON_HOLD, in_attempt=True)
    check_unsigned(PAYMENT, PaymentStatus.ON_HOLD, in_attempt=False)
