"""The book balances, and the same fact has the same entry however often it is booked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger import Entry, Posting, accrual, settlement
from domain.money import STROOPS_MAX
from domain.payments import Payment, Treasury
from domain.sla import PaymentType

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


@given(payments)
def test_what_is_owed_and_then_paid_leaves_nothing_owed(payment: Payment) -> None:
    balances: dict[str, int] = {}
    for entry in (accrual(payment), settlement(payment, "hash")):
        assert sum(posting.amount_stroops for posting in entry.postings) == 0
        for posting in entry.postings:
            balances[posting.account] = balances.get(posting.account, 0) + posting.amount_stroops
    assert balances == {
        f"expense:{payment.type}": payment.amount_stroops,
        "payable:GTO": 0,
        f"treasury:{payment.payer}": -payment.amount_stroops,
    }


@given(payments)
def test_the_same_fact_is_the_same_entry(payment: Payment) -> None:
    assert accrual(payment) == accrual(payment)
    assert settlement(payment, "one").id == settlement(payment, "one").id
    ids = {accrual(payment).id, settlement(payment, "one").id, settlement(payment, "two").id}
    assert len(ids) == 3


def test_an_entry_that_does_not_balance_cannot_be_written_down() -> None:
    with pytest.raises(AssertionError, match="unbalanced"):
        Entry("ent_1", "accrual", "pay_1", (Posting("a", 1), Posting("b", -2)))
