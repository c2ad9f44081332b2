"""
Reconciliation: the journal and the chain are compared, both ways.

The join is the muxed number that every transfer carries, together with the transaction's hash.
Only what the reader has finished is compared, so that nothing is called a break which a later
ledger would have explained:

* the journal's side: payments confirmed in a ledger that was read, and not in a gap;
* the chain's side: transfers out of our treasuries, up to the last ledger read in full. Our own
  bytes, stored before they are sent, may be ahead of the journal for GRACE_LEDGERS, as long as their
  worker takes to come back. Bytes we never stored can never become ours, and get no grace.
"""

from dataclasses import dataclass
from datetime import datetime

from domain.accounting.breaks import Break, BreakKind

GRACE_LEDGERS = 120
# What our own bytes moved so many ledgers ago, and nobody has posted, reconciliation posts itself.
CONFIRM_AFTER_LEDGERS = 30


@dataclass(frozen=True, slots=True)
class ObservedTransaction:
    """A transaction that moved money, as it was read from the chain."""

    transaction_hash: str
    ledger: int
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class OwnTransfer:
    """A transaction of bytes that we stored for attempt `n` of a payment, which nobody has posted."""

    lead_payment_id: str
    n: int
    transaction: ObservedTransaction


@dataclass(frozen=True, slots=True)
class ChainTransfer:
    """
    A movement of the asset from or to a treasury, as the chain records it.

    `position` is the network's own name for the place of its event in all history. A mint has no
    payer, a burn or a clawback has no payee. `number` is the muxed id, if it carries one.
    """

    position: str
    kind: str
    transaction_hash: str
    ledger: int
    closed_at: datetime
    from_address: str | None
    to_address: str | None
    number: int | None
    amount_stroops: int


@dataclass(frozen=True, slots=True)
class ChainPage:
    """Transfers in order, and the ledger up to which nothing is missing among them."""

    transfers: tuple[ChainTransfer, ...]
    ledger: int
    closed_at: datetime | None  # of that ledger, where the node said so


@dataclass(frozen=True, slots=True)
class Extent:
    """The ledgers that the nodes can serve, and whether every node answered."""

    oldest: int
    latest: int
    all_heard: bool = True


@dataclass(frozen=True, slots=True)
class Gap:
    """Ledgers that no node could serve, both inclusive."""

    first: int
    last: int

    @property
    def subject(self) -> str:
        return f"ledgers/{self.first}-{self.last}"

    def as_break(self) -> Break:
        return Break(
            BreakKind.HISTORY_GAP,
            self.subject,
            f"ledgers {self.first} to {self.last} were dropped by the nodes before they were "
            "read: transfers in them are not known",
        )


@dataclass(frozen=True, slots=True)
class Start:
    """The ledger to read on from, and the gap before it."""

    ledger: int
    gap: Gap | None


def find_start(read_ledger: int | None, journal_ledger: int | None, extent: Extent) -> Start:
    """
    Return where reading goes on.

    At first it begins with all the node has; the journal may know of payments before that.
    """
    if read_ledger is not None:
        wanted = read_ledger + 1
    else:
        wanted = min(journal_ledger or extent.oldest, extent.oldest)
    gap = Gap(wanted, extent.oldest - 1) if wanted < extent.oldest else None
    return Start(max(wanted, extent.oldest), gap)


@dataclass(frozen=True, slots=True)
class JournalSide:
    """
    What the journal says of one transfer: the payments that it settles, as one.

    `allocations_stroops` is the sum of their allocations; it must be the amount they say they paid.
    """

    number: int
    transaction_hash: str
    payment_id: str  # the lead payment
    amount_stroops: int
    allocations_stroops: int
    treasury: str
    from_address: str
    to_address: str


@dataclass(frozen=True, slots=True)
class ChainSide:
    """A transfer out of a treasury, and what the journal knows of it."""

    transfer: ChainTransfer
    nth: int  # among the transfers of its number; the one in the journal comes first
    payment_id: str | None  # that the number was given to
    ours: bool  # made by bytes that we stored before they were sent
    paid_otherwise: bool = False  # confirmed on record by a transfer of another number


@dataclass(frozen=True, slots=True)
class Suspect:
    """A transfer on which the two sides may differ."""

    journal: JournalSide | None
    chain: ChainSide | None


@dataclass(frozen=True, slots=True)
class CursorRecord:
    """How far the chain was read, from which ledger on, and of which network."""

    first_ledger: int
    ledger: int
    closed_at: datetime | None
    passphrase: str | None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A comparison on record: up to which ledger it went, and what it found."""

    at: datetime
    ledger: int
    closed_at: datetime | None
    matched: int
    matched_stroops: int


@dataclass(frozen=True, slots=True)
class ReconciliationRun:
    """One comparison, and when it began."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run found: up to which ledger, what matched, and what is new."""

    ledger: int
    matched: int
    matched_stroops: int
    new_breaks: int
    open_breaks: int


def classify_suspect(suspect: Suspect, ledger: int) -> Break | None:
    """Return the break, or None when there is none (yet) as of a ledger read in full."""
    journal, chain = suspect.journal, suspect.chain
    if chain is None:
        return None if journal is None else _make_missing_break(journal)
    if chain.payment_id is None or chain.transfer.kind != "transfer":
        return _make_outflow_break(
            chain, BreakKind.UNEXPECTED_OUTFLOW, _describe_unexplained(chain.transfer)
        )
    if chain.nth > 1:
        return _make_outflow_break(
            chain, BreakKind.DUPLICATE, "another transfer carries the same number"
        )
    if journal is None:
        if chain.paid_otherwise:
            paid = "its payment was made together with others, by a transfer of another number"
            return _make_outflow_break(chain, BreakKind.DUPLICATE, paid)
        if chain.ours and chain.transfer.ledger > ledger - GRACE_LEDGERS:
            return None
        sender = "our own bytes" if chain.ours else "bytes we never stored"
        return _make_outflow_break(
            chain, BreakKind.MISSING_IN_JOURNAL, f"paid by {sender}, and not confirmed on record"
        )
    return _find_difference(journal, chain)


def _make_missing_break(journal: JournalSide) -> Break:
    return Break(
        BreakKind.MISSING_ON_CHAIN,
        f"payment/{journal.number}/{journal.transaction_hash}",
        f"confirmed on record by {journal.transaction_hash}, which moved nothing for this number",
        journal.payment_id,
        journal.number,
        journal.transaction_hash,
        journal.treasury,
        journal_stroops=journal.amount_stroops,
    )


def _make_outflow_break(chain: ChainSide, kind: BreakKind, detail: str) -> Break:
    seen = chain.transfer
    return Break(
        kind,
        f"transfer/{seen.position}",
        f"{detail}; sent to {seen.to_address or 'the issuer'} in ledger {seen.ledger}",
        chain.payment_id,
        seen.number,
        seen.transaction_hash,
        seen.from_address,
        chain_stroops=seen.amount_stroops,
        unexplained=kind is not BreakKind.MISSING_IN_JOURNAL or not chain.ours,
    )


def _describe_unexplained(transfer: ChainTransfer) -> str:
    if transfer.kind != "transfer":
        return f"a {transfer.kind} took money from a treasury"
    if transfer.number is None:
        return "a transfer out of a treasury without a number"
    return f"a transfer out of a treasury with the number {transfer.number}, never given to any"


def _find_difference(journal: JournalSide, chain: ChainSide) -> Break | None:
    seen, said = chain.transfer, []
    if journal.amount_stroops != seen.amount_stroops:
        said.append(
            f"the database says {journal.amount_stroops} stroops, the chain {seen.amount_stroops}"
        )
    if journal.allocations_stroops != seen.amount_stroops:
        said.append(
            f"the allocations are {journal.allocations_stroops} stroops, the chain's transfer is "
            f"{seen.amount_stroops}"
        )
    if journal.to_address != seen.to_address:
        said.append(f"the database says to {journal.to_address}, the chain to {seen.to_address}")
    if journal.from_address != seen.from_address:
        said.append(
            f"the database says from {journal.from_address}, the chain from {seen.from_address}"
        )
    if not said:
        return None
    return Break(
        BreakKind.AMOUNT_DIFFERS,
        f"transfer/{seen.position}",
        "; ".join(said),
        journal.payment_id,
        journal.number,
        seen.transaction_hash,
        seen.from_address,
        journal.amount_stroops,
        seen.amount_stroops,
        journal.to_address if journal.to_address != seen.to_address else None,
        # More has left than anything of ours says: a payment was made again inside this one.
        unexplained=seen.amount_stroops > journal.amount_stroops,
    )
