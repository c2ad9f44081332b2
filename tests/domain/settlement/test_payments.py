"""Who pays whom, and why the same verdict is never paid under two ids."""

import pytest

from domain.settlement.payments import (
    Payment,
    Treasury,
    derive_payment_id,
    make_payment,
)
from domain.sla.policies import Agreement
from domain.sla.verdicts import PaymentType, Terms, judge

AGREEMENT = Agreement("default", "BOND", "POOL", "PROVIDER", "BENEFICIARY")
TERMS = Terms(15, 100, 750)


def _make_owed(mttr: int, revision: int = 1) -> Payment:
    return make_payment("sandbox", AGREEMENT, "OUT-1", revision, judge(TERMS, mttr), "corr")


def test_a_penalty_goes_from_the_bond_to_the_beneficiary() -> None:
    payment = _make_owed(25)
    assert (payment.type, payment.payer) == (PaymentType.PENALTY, Treasury.BOND)
    assert (payment.from_address, payment.to_address) == ("BOND", "BENEFICIARY")
    assert payment.amount_stroops == 1000 * 10_000_000


def test_a_reward_goes_from_the_pool_to_the_provider() -> None:
    payment = _make_owed(0)
    assert (payment.type, payment.payer) == (PaymentType.REWARD, Treasury.POOL)
    assert (payment.from_address, payment.to_address) == ("POOL", "PROVIDER")
    assert payment.amount_stroops == 1500 * 10_000_000


def test_the_same_debt_has_the_same_id() -> None:
    assert (
        _make_owed(25).id
        == _make_owed(25).id
        == derive_payment_id("sandbox", "default", "OUT-1", 1)
    )


@pytest.mark.parametrize(
    "other",
    [
        ("testnet", "default", "OUT-1", 1),
        ("sandbox", "other", "OUT-1", 1),
        ("sandbox", "default", "OUT-2", 1),
        ("sandbox", "default", "OUT-1", 2),
        # The parts do not run into each other.
        ("sandbox", "default", "OUT-11", 1),
    ],
)
def test_another_debt_has_another_id(other: tuple[str, str, str, int]) -> None:
    assert derive_payment_id(*other) != derive_payment_id("sandbox", "default", "OUT-1", 1)
