"""The journal balances, and the same fact makes the same entry however often it is posted."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.accounting.journal import (
    Entry,
    make_accrual,
    make_correction,
    make_release,
    make_released_entries,
    make_reservation,
    make_reversal,
    make_settled_entries,
    make_settlement,
)
from domain.accounting.postings import SLOTS, AccountKind, Posting, make_account
from domain.money import STROOPS_MAX
from domain.settlement.payments import Payment, Treasury
from domain.sla.verdicts import PaymentType

payments = st.builds(
    Payment,
    id=st.from_regex(r"pay_[0-9a-f]{24}", fullmatch=True),
    number=st.integers(1, 2**63 - 1),
    outage_id=st.just("OUT-1"),
    revision=st.integers(1, 9),
    type=st.sampled_from(PaymentType),
    amount_stroops=st.integers(1, STROOPS_MAX),
    payer=st.sampled_from(Treasury),
    from_address=st.just("GFROM"),
    to_address=st.just("GTO"),
    correlation_id=st.just("corr"),
)


def compute_balances(entries: Iterable[Entry]) -> dict[str, int]:
    """What is left on each account, of entries booked once however often they are named."""
    sums: Counter[str] = Counter()
    for entry in {entry.id: entry for entry in entries}.values():
        assert sum(posting.amount_stroops for posting in entry.postings) == 0
        for posting in entry.postings:
            sums[posting.account] += posting.amount_stroops
    return {name: amount for name, amount in sums.items() if amount}


@given(payments)
def test_a_settled_accrual_leaves_nothing_payable(payment: Payment) -> None:
    life = [
        make_accrual(payment),
        make_reservation(payment, 1),
        *make_settled_entries(payment, "hash", 1, payment.id),
    ]
    assert len({entry.id for entry in life}) == 3
    assert compute_balances(life) == {
        f"expense:{payment.type}": payment.amount_stroops,
        f"treasury:{payment.from_address}": -payment.amount_stroops,
    }


@given(payments)
def test_a_released_reservation_is_payable_again(payment: Payment) -> None:
    life = [
        make_accrual(payment),
        make_reservation(payment, 1),
        *make_released_entries(payment, 1, payment.id),
    ]
    assert compute_balances(life) == compute_balances([make_accrual(payment)])
    again = [*life, make_reservation(payment, 2)]
    assert compute_balances(again)["reserved:GTO"] == -payment.amount_stroops


@given(payments)
def test_a_reversal_leaves_every_account_at_zero(payment: Payment) -> None:
    assert compute_balances([make_accrual(payment), make_reversal(make_accrual(payment))]) == {}


@given(payments)
def test_the_same_fact_makes_the_same_entry(payment: Payment) -> None:
    entries = [
        make_accrual(payment),
        make_reservation(payment, 1),
        make_reservation(payment, 2),
        make_reservation(payment, 1, "pay_lead"),
        make_release(payment, 1),
        make_release(payment, 2),
        make_settlement(payment, "one"),
        make_settlement(payment, "two"),
        make_reversal(make_accrual(payment)),
        make_correction(make_accrual(payment), make_accrual(payment).postings),
    ]
    assert len({entry.id for entry in entries}) == len(entries)
    assert make_reservation(payment, 1) == make_reservation(payment, 1, payment.id)
    assert make_release(payment, 1).corrects == make_reservation(payment, 1).id
    # One part of each balance, so that its floor can be held there.
    assert len({entry.slot for entry in entries}) == 1
    assert entries[0].slot in range(SLOTS)


def test_an_unbalanced_entry_cannot_be_made() -> None:
    with pytest.raises(AssertionError, match="unbalanced"):
        Entry("ent_1", "accrual", "pay_1", (Posting("a", 1), Posting("b", -2)))


def test_payable_accounts_have_a_floor_and_chain_accounts_have_none() -> None:
    assert make_account("payable:GTO").kind is AccountKind.LIABILITY
    assert make_account("payable:GTO").floor_stroops == 0
    assert make_account("treasury:GBOND").floor_stroops is None
    with pytest.raises(KeyError):
        make_account("elsewhere:GTO")
