"""
The double-entry book: every entry's postings sum to zero, nothing is ever changed.

A debit is positive, a credit negative, in stroops. Accounts:

    expense:penalty, expense:reward   what verdicts cost
    payable:G...                      owed to a payee and not yet paid
    treasury:bond, treasury:pool      our accounts on the chain
    suspense:reconciliation           differences between book and chain that a person closed
"""

from dataclasses import dataclass

from domain.digests import derived_id
from domain.payments import Payment


@dataclass(frozen=True, slots=True)
class Posting:
    account: str
    amount_stroops: int


@dataclass(frozen=True, slots=True)
class Entry:
    """`id` is derived from what it books, so the same fact cannot be booked twice."""

    id: str
    kind: str
    payment_id: str | None
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        assert sum(posting.amount_stroops for posting in self.postings) == 0, "unbalanced entry"


def accrual(payment: Payment) -> Entry:
    """The verdict is final: the amount is owed to the payee."""
    return Entry(
        derived_id("ent", payment.id, "accrual"),
        "accrual",
        payment.id,
        (
            Posting(f"expense:{payment.type}", payment.amount_stroops),
            Posting(f"payable:{payment.to_address}", -payment.amount_stroops),
        ),
    )


def settlement(payment: Payment, transaction_hash: str) -> Entry:
    """The chain has moved the money: nothing is owed any more."""
    return Entry(
        derived_id("ent", payment.id, "settlement", transaction_hash),
        "settlement",
        payment.id,
        (
            Posting(f"payable:{payment.to_address}", payment.amount_stroops),
            Posting(f"treasury:{payment.payer}", -payment.amount_stroops),
        ),
    )
