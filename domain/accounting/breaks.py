"""
Breaks: differences between the journal and the chain, and what a person does about each.

    open -> closed

A break is never forgotten and never opened twice: its id is derived from what it is about. It has
an owner, an age, and is closed with a note and, where money is concerned, with an entry that takes
the difference into suspense, so that the treasury in the journal is again the one on the chain.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.accounting.journal import Entry
from domain.accounting.postings import Posting
from domain.digests import derive_id

NOTE_MAX, OWNER_MAX = 1000, 100
SUSPENSE = "suspense:reconciliation"


class BreakKind(StrEnum):
    MISSING_ON_CHAIN = "missing_on_chain"
    MISSING_IN_JOURNAL = "missing_in_journal"
    AMOUNT_DIFFERS = "amount_differs"
    DUPLICATE = "duplicate"
    UNEXPECTED_OUTFLOW = "unexpected_outflow"
    # The nodes dropped ledgers before they were read: their transfers are not known.
    HISTORY_GAP = "history_gap"


class BreakStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


TRANSITIONS: Mapping[BreakStatus, frozenset[BreakStatus]] = {
    BreakStatus.OPEN: frozenset({BreakStatus.CLOSED}),
    BreakStatus.CLOSED: frozenset(),
}


class AdjustmentKind(StrEnum):
    """How a break is adjusted in the journal: its difference in suspense, or nothing to post."""

    SUSPENSE = "suspense"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Break:
    """
    One difference. `subject` names what it is about, as people would look it up; the amounts are
    what each side says, 0 where it says nothing. `owed_to` is set when somebody else was paid than
    the journal says. `unexplained` is money that left a treasury and that nothing of ours explains: by a
    program that pays twice, or by a key in other hands. Nothing more must leave until somebody has
    looked.
    """

    kind: BreakKind
    subject: str
    detail: str
    payment_id: str | None = None
    number: int | None = None
    transaction_hash: str | None = None
    treasury: str | None = None
    journal_stroops: int = 0
    chain_stroops: int = 0
    owed_to: str | None = None
    unexplained: bool = False

    @property
    def halts(self) -> bool:
        """Tell whether nothing more may leave: money is gone, or counts as paid and has not moved."""
        return self.unexplained or self.kind is BreakKind.MISSING_ON_CHAIN

    @property
    def id(self) -> str:
        return derive_id("brk", self.kind, self.subject)

    def payload(self) -> dict[str, Any]:
        """Return the payload of its event and audit entry; amounts in stroops, as text."""
        return {
            "break_id": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "detail": self.detail,
            "payment_id": self.payment_id,
            "number": None if self.number is None else str(self.number),
            "transaction_hash": self.transaction_hash,
            "journal_stroops": str(self.journal_stroops),
            "chain_stroops": str(self.chain_stroops),
        }


@dataclass(frozen=True, slots=True)
class BreakClosure:
    """Who closes a break, why, and whether its difference goes to suspense."""

    kind: AdjustmentKind
    note: str
    closed_by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BreakRecord:
    """A break with its owner and its closure; what is not known yet is None."""

    id: str
    found: Break
    found_at: datetime
    last_seen_at: datetime
    status: BreakStatus
    owner: str | None
    adjustment: AdjustmentKind | None
    closed_at: datetime | None
    closed_by: str | None
    note: str | None
    entry_id: str | None

    def is_closed_by(self, closing: BreakClosure) -> bool:
        """Return whether it was closed by this same closure."""
        said = (closing.kind, closing.note, closing.closed_by)
        return (self.adjustment, self.note, self.closed_by) == said


@dataclass(frozen=True, slots=True)
class MoneyMoved:
    """Money that left a treasury for a payee, according to the journal or to the chain."""

    treasury: str
    payee: str | None
    stroops: int


def make_adjustment(
    found: Break, posted: Sequence[MoneyMoved], sent: MoneyMoved | None
) -> Entry | None:
    """
    Take the difference into suspense; None when there is none.

    It is the one between the entries and the chain at the moment of closing, and not the one that was
    found: a row beside the journal may have been changed or corrected since. What the journal says left a
    treasury is put back, and taken out as the chain has it. Where the wrong account was paid, the
    right one is owed again.
    """
    amounts = Counter[str]()
    for each in posted:
        amounts[f"treasury:{each.treasury}"] += each.stroops
        if sent is not None and each.payee != sent.payee:
            amounts[f"payable:{each.payee}"] -= each.stroops
    if sent is not None:
        amounts[f"treasury:{sent.treasury}"] -= sent.stroops
    amounts[SUSPENSE] = -amounts.total()
    postings = tuple(Posting(account, amount) for account, amount in amounts.items() if amount)
    if not postings:
        return None
    return Entry(derive_id("ent", found.id, "adjustment"), "adjustment", found.payment_id, postings)
