"""Treasuries: the accounts that agreements pay from, by their public addresses; their seeds are elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TreasuryRecord:
    """
    A treasury as it stands. `named_by` are the agreements that pay from it now or later; `unsigned_stroops` is what
    it owes by payments for which nothing is signed. `signable` and the balance are what the settlement worker saw last.
    """

    address: str
    named_by: Sequence[str]
    unsigned_stroops: int
    joined: bool
    signable: bool | None
    balance_stroops: int | None
    seen_at: datetime | None

    @property
    def is_used(self) -> bool:
        return bool(self.named_by or self.unsigned_stroops)

    @property
    def missing_stroops(self) -> int:
        """How much is lacking for what waits to be paid, as far as the balance is known."""
        if self.balance_stroops is None:
            return 0
        return max(self.unsigned_stroops - self.balance_stroops, 0)
