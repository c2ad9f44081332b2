"""Which workflow has missed something of a payment, by what it shows to wait for."""

import pytest

from domain.reasons import ReasonCode, WaitsFor
from domain.recovery.standing_payments import StandingPayment
from domain.settlement.payments import PaymentStatus
from domain.sla.outages import OutageStatus

SETTLING, CLOSED = OutageStatus.SETTLING, OutageStatus.CLOSED
NO_TRUSTLINE, UNREAD = ReasonCode.PAYEE_NO_TRUSTLINE, ReasonCode.CHAIN_UNREAD


def stand(
    status: str,
    reason: ReasonCode | None = None,
    *,
    tried: bool = False,
    unsigned: bool = False,
    outage: OutageStatus = SETTLING,
) -> StandingPayment:
    return StandingPayment(
        "pay-1", "OUT-1", 1, PaymentStatus(status), reason, tried, outage, unsigned
    )


@pytest.mark.parametrize(
    ("standing", "shown", "unknown"),
    [
        # Somebody else has signed for it, and the workflow waits for what it was blocked by.
        (stand("submitted", tried=True), WaitsFor.PAYEE, True),
        (stand("prepared", tried=True), WaitsFor.HALT, True),
        (stand("pending"), WaitsFor.REVIEW, True),
        (stand("submitted", tried=True), WaitsFor.NETWORK, False),
        (stand("submitted", tried=True), None, False),
        (stand("submitted", ReasonCode.NODES_DISAGREE, tried=True), None, False),
        # Somebody else has stopped it, and the workflow waits for a batch that has ended.
        (stand("blocked", NO_TRUSTLINE), None, True),
        (stand("blocked", NO_TRUSTLINE), WaitsFor.PAYEE, False),
        # Whoever drives its batch says what stops that.
        (stand("blocked", NO_TRUSTLINE, tried=True), None, False),
        # Somebody else has reserved a channel for it, and died before anything was signed.
        (stand("blocked", NO_TRUSTLINE, tried=True, unsigned=True), WaitsFor.PAYEE, True),
        # This passes by itself, and is shown as nothing worth a look.
        (stand("on_hold", UNREAD), None, False),
        (stand("confirmed"), None, True),
        (stand("voided", outage=OutageStatus.VOIDED), WaitsFor.APPROVAL, True),
    ],
)
def test_a_payment_that_shows_less_than_is_on_record_is_notified(
    standing: StandingPayment, shown: WaitsFor | None, unknown: bool
) -> None:
    assert standing.is_unknown_to_payment(shown) is unknown


@pytest.mark.parametrize(
    ("standing", "shown", "unknown"),
    [
        (stand("blocked", NO_TRUSTLINE), WaitsFor.PAYEE, False),
        (stand("blocked", NO_TRUSTLINE, tried=True), WaitsFor.NETWORK, True),
        (stand("blocked", NO_TRUSTLINE), WaitsFor.APPROVAL, True),
        (stand("submitted", tried=True), WaitsFor.PAYEE, True),
        (stand("submitted", tried=True), WaitsFor.NETWORK, False),
        (stand("on_hold", UNREAD), WaitsFor.NETWORK, False),
        (stand("confirmed"), WaitsFor.NETWORK, True),
        (stand("confirmed", outage=CLOSED), WaitsFor.NETWORK, False),
        (stand("voided", outage=OutageStatus.VOIDED), WaitsFor.APPROVAL, False),
        # Before it is owed, the outage waits for other things.
        (stand("pending", outage=OutageStatus.DISPUTED), WaitsFor.DECISION, False),
    ],
)
def test_an_outage_that_shows_less_than_is_on_record_is_notified(
    standing: StandingPayment, shown: WaitsFor | None, unknown: bool
) -> None:
    assert standing.is_unknown_to_outage(shown) is unknown


def test_what_is_notified_names_the_payment_and_why_it_waits() -> None:
    assert (
        stand("blocked", NO_TRUSTLINE).describe() == "payment pay-1 is blocked, payee_no_trustline"
    )
    assert stand("submitted").describe() == "payment pay-1 is submitted"
