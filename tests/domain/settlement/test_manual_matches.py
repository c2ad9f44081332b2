"""An out-of-band transfer matches a payment only if it is exactly what is owed and the engine cannot pay it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Conflict, Invalid
from domain.settlement.manual_matches import (
    LEDGER_CLOCK_SLIP,
    MATCHABLE,
    OutOfBandTransfer,
    check_manual_match,
    is_receipt,
    make_obstacle,
)
from domain.settlement.payments import Payment, PaymentStatus, Treasury
from domain.sla.verdicts import PaymentType

OWED = Payment(
    *("pay_1", 7, "OUT-1", 1, PaymentType.PENALTY, 10_000_000_000, Treasury.BOND),
    *("GBOND", "GPAYEE", "corr"),
)
MADE = OutOfBandTransfer(
    *("pay_1", 7, "0001-01", "transfer", "aa" * 32, 9, datetime(2026, 2, 1, tzinfo=UTC)),
    *("GBOND", "GPAYEE", 10_000_000_000, False),
    *(datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 1, 31, 13, tzinfo=UTC)),
)


@pytest.mark.parametrize("status", MATCHABLE)
def test_a_transfer_of_exactly_what_is_owed_matches(status: PaymentStatus) -> None:
    check_manual_match(OWED, status, False, MADE)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"amount_stroops": 10_000_000_001}, "its amount is 1000.0000001 and not 1000"),
        ({"to_address": "GOTHER"}, "its payee is GOTHER and not GPAYEE"),
        ({"to_address": None, "kind": "burn"}, "what it is is burn and not transfer"),
        ({"from_address": "GPOOL"}, "its payer is GPOOL and not GBOND"),
    ],
)
def test_each_differing_field_is_named(changes: dict[str, object], named: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_manual_match(OWED, PaymentStatus.ON_HOLD, False, replace(MADE, **changes))  # type: ignore[arg-type]
    assert named in str(refused.value)
    assert "Close its break with suspense" in str(refused.value)


@pytest.mark.parametrize("status", sorted(set(PaymentStatus) - MATCHABLE))
def test_a_payment_the_engine_may_have_sent_is_not_matched(status: PaymentStatus) -> None:
    with pytest.raises(Conflict, match=f"payment pay_1 is {status}"):
        check_manual_match(OWED, status, False, MADE)


def test_a_payment_that_has_a_channel_is_not_matched() -> None:
    with pytest.raises(Conflict, match="may have bytes of its own"):
        check_manual_match(OWED, PaymentStatus.BLOCKED, True, MADE)


def test_exactly_what_is_owed_is_the_receipt() -> None:
    assert is_receipt(OWED, MADE)
    # The clocks of callers are ahead of the ledgers' by a little.
    assert is_receipt(OWED, replace(MADE, closed_at=MADE.owed_since - LEDGER_CLOCK_SLIP))


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"amount_stroops": 9_999_999_999}, "its amount is 999.9999999 and not 1000"),
        ({"to_address": "GOTHER"}, "so it cannot be matched: ask the payee"),
        ({"from_address": "GPOOL"}, "so it cannot be matched: ask the payee"),
        ({"kind": "burn"}, "so it cannot be matched: ask the payee"),
        ({"receipt_of": "pay_2"}, "is the receipt of payment pay_2"),
        (
            {"closed_at": MADE.detected_at - LEDGER_CLOCK_SLIP - timedelta(seconds=1)},
            "made before the outage began, so it is not this payment",
        ),
        (
            {"closed_at": MADE.owed_since - LEDGER_CLOCK_SLIP - timedelta(seconds=1)},
            "if the repair was recorded late, match it by POST /payments/pay_1/manual-match",
        ),
    ],
)
def test_anything_else_is_no_receipt_and_the_advice_can_be_followed(
    changes: dict[str, object], advice: str
) -> None:
    made = replace(MADE, **changes)  # type: ignore[arg-type]
    assert not is_receipt(OWED, made)
    sentence = make_obstacle(OWED, made).sentence
    assert advice in sentence
    assert "close its break with suspense" in sentence
    if "manual-match" in sentence:
        check_manual_match(OWED, PaymentStatus.BLOCKED, False, made)
    else:
        with pytest.raises(Invalid):
            check_manual_match(OWED, PaymentStatus.BLOCKED, False, made)
