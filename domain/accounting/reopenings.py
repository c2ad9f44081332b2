"""
Reopening: a payment that counts as made, and whose transaction is on no chain, is owed again.

Only after proof: its signed bytes can never be applied any more, and reconciliation misses them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.requests import Request
from domain.settlement.attempts import Attempt
from domain.settlement.payments import Payment

REOPENED = "payment.reopened"


@dataclass(frozen=True, slots=True)
class UnprovenAttempt:
    """
    An attempt on record as succeeded that reconciliation misses on the chain: its payments by id, the
    hashes of all transactions signed for it, and the open breaks about it.
    """

    attempt: Attempt
    transaction_hash: str
    payments: Mapping[str, Payment]
    hashes: tuple[str, ...]
    breaks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reopening:
    """A person's decision, after the network has shown that the bytes of the attempt are dead."""

    proof: str
    # Nothing has consumed the sequence: the next attempt on the channel may use it.
    sequence_unused: bool
    note: str
    request: Request
    at: datetime
