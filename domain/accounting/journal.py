"""
The double-entry journal: every entry's postings sum to zero, nothing is ever changed.

A debit is positive, a credit negative, in stroops. Accounts:

    expense:penalty, expense:reward   what verdicts cost
    expense:reconciliation            what breaks have cost, once it is given up
    payable:G...                      owed to a payee, and no signed bytes could pay it
    reserved:G...                     owed to a payee, and signed bytes may pay it at any moment
    treasury:GABC...                  an account of ours on the chain, a bond or a pool
    suspense:reconciliation           differences between journal and chain that a person closed, until they
                                      come back or are written off

An obligation is accrued, reserved when bytes are stored, released when they had no effect, and
settled when the chain has moved the money. What turns out wrong is taken back by a reversal and
put right by a correction; both name the entry they are about.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from domain.accounting.postings import CURRENCY, SLOTS, Account, Posting, make_account
from domain.digests import derive_id
from domain.settlement.payments import Payment


class EntryKind(StrEnum):
    ACCRUAL = "accrual"
    RESERVATION = "reservation"
    RELEASE = "release"
    SETTLEMENT = "settlement"
    REVERSAL = "reversal"
    CORRECTION = "correction"
    # Of a break between journal and chain, and of what that left in suspense: not part of an obligation.
    ADJUSTMENT = "adjustment"
    RESOLUTION = "resolution"


@dataclass(frozen=True, slots=True)
class Entry:
    """`id` is derived from what it posts, so the same fact cannot be posted twice."""

    id: str
    kind: str
    payment_id: str | None
    postings: tuple[Posting, ...]
    currency: str = CURRENCY
    # The entry that this one takes back or puts right.
    corrects: str | None = None
    transaction_hash: str | None = None

    def __post_init__(self) -> None:
        assert sum(posting.amount_stroops for posting in self.postings) == 0, "unbalanced entry"

    @property
    def slot(self) -> int:
        """The part of each balance that it moves: the same for all entries of a payment."""
        return hashlib.sha256((self.payment_id or self.id).encode()).digest()[0] % SLOTS

    @property
    def accounts(self) -> list[Account]:
        return [make_account(posting.account, self.currency) for posting in self.postings]


def _make_postings(payment: Payment, debit: str, credit: str) -> tuple[Posting, ...]:
    amount = payment.amount_stroops
    return (Posting(debit, amount), Posting(credit, -amount))


def derive_accrual_id(payment_id: str) -> str:
    return derive_id("ent", payment_id, "accrual")


def make_accrual(payment: Payment) -> Entry:
    """Make the entry of a new verdict: the amount is owed to the payee."""
    return Entry(
        derive_accrual_id(payment.id),
        EntryKind.ACCRUAL,
        payment.id,
        _make_postings(payment, f"expense:{payment.type}", f"payable:{payment.to_address}"),
    )


def make_reservation(payment: Payment, n: int, lead_payment_id: str = "") -> Entry:
    """
    Make the entry of signed bytes: from now on the money may move at any moment.

    `lead_payment_id` and `n` name the attempt; a payment that is tried by itself leads its own.
    """
    return Entry(
        derive_id("ent", payment.id, "reservation", lead_payment_id or payment.id, str(n)),
        EntryKind.RESERVATION,
        payment.id,
        _make_postings(payment, f"payable:{payment.to_address}", f"reserved:{payment.to_address}"),
    )


def make_release(payment: Payment, n: int, lead_payment_id: str = "") -> Entry:
    """Make the entry of an attempt proven to have had no effect: the amount is owed as before."""
    return _take_back(make_reservation(payment, n, lead_payment_id), EntryKind.RELEASE)


def make_settlement(payment: Payment, transaction_hash: str) -> Entry:
    """Make the entry of money that the chain has moved: nothing is owed any more. Once a payment."""
    return Entry(
        derive_id("ent", payment.id, "settlement", transaction_hash),
        EntryKind.SETTLEMENT,
        payment.id,
        _make_postings(
            payment, f"reserved:{payment.to_address}", f"treasury:{payment.from_address}"
        ),
        transaction_hash=transaction_hash,
    )


def make_settled_entries(
    payment: Payment, transaction_hash: str, n: int, lead_payment_id: str
) -> list[Entry]:
    """
    Return the entries of an attempt that moved the money. Its reservation was posted when the bytes
    were stored; it is repeated, so that a lost one cannot keep the settlement from being posted.
    """
    return [
        make_reservation(payment, n, lead_payment_id),
        make_settlement(payment, transaction_hash),
    ]


def make_released_entries(payment: Payment, n: int, lead_payment_id: str) -> list[Entry]:
    """Return the entries of an attempt that had no effect; its reservation is repeated, as above."""
    return [
        make_reservation(payment, n, lead_payment_id),
        make_release(payment, n, lead_payment_id),
    ]


def make_reversal(entry: Entry) -> Entry:
    """Make the entry that takes another back: a verdict was corrected, or what it says never happened."""
    return _take_back(entry, EntryKind.REVERSAL)


def make_correction(entry: Entry, postings: tuple[Posting, ...]) -> Entry:
    """Make the entry that says what a reversed entry should have said."""
    return Entry(
        derive_id("ent", entry.id, EntryKind.CORRECTION),
        EntryKind.CORRECTION,
        entry.payment_id,
        postings,
        entry.currency,
        entry.id,
    )


def _take_back(entry: Entry, kind: EntryKind) -> Entry:
    return Entry(
        derive_id("ent", entry.id, kind),
        kind,
        entry.payment_id,
        tuple(Posting(posting.account, -posting.amount_stroops) for posting in entry.postings),
        entry.currency,
        entry.id,
    )
