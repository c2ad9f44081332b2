"""Who pays whom, and why the same verdict is never paid under two ids."""

from uuid import UUID

import pytest

from domain.settlement.payments import (
    Payment,
    Treasury,
    derive_number,
    derive_payment_id,
    make_payment,
)
from domain.sla.agreements.agreements import Agreement
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


TESTNET, PUBLIC = (
    "Test SDF Network ; September 2015",
    "Public Global Stellar Network ; September 2015",
)
INSTALLATION = UUID("6f1b1a7e-5d3c-4f0e-9a52-0c7d1f2e3a4b")


@pytest.mark.parametrize(
    ("passphrase", "installation", "outage_id", "revision", "number"),
    [
        (TESTNET, INSTALLATION, "OUT-1", 1, 5013762926391934620),
        (TESTNET, INSTALLATION, "OUT-1", 2, 9128010635830206650),
        (PUBLIC, INSTALLATION, "OUT-1", 1, 6678079404126136960),
        (TESTNET, UUID(int=0), "OUT-1", 1, 1210640537122851216),
        (TESTNET, INSTALLATION, 'St\u00f6rung "7"', 1, 493219751400207126),
    ],
)
def test_a_number_is_derived_from_network_installation_outage_and_revision(
    passphrase: str, installation: UUID, outage_id: str, revision: int, number: int
) -> None:
    """Published vectors: another program that reads the chain computes the same."""
    assert derive_number(passphrase, installation, outage_id, revision) == number


def test_numbers_fit_a_muxed_id_and_a_bigint_and_do_not_repeat() -> None:
    found = {derive_number(TESTNET, INSTALLATION, f"OUT-{i}", 1) for i in range(5000)}
    assert len(found) == 5000
    assert all(0 < number < 2**63 for number in found)
    assert max(found) > 2**62
