"""What a soak came to, as the chain tells it: paid twice, lost, or another amount than owed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devstack.soak.chain_history import HistoryTransfer
from domain.settlement.payments import PaymentStatus

STOPPED = {PaymentStatus.BLOCKED, PaymentStatus.ON_HOLD, PaymentStatus.QUARANTINED}


@dataclass(frozen=True)
class SoakResult:
    """How it went; everything after `seconds` should be empty or zero."""

    payments: int
    statuses: dict[str, int]
    seconds: float
    faults: dict[str, int]
    kills: int
    double: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    differing: list[int] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.double or self.lost or self.differing or self.unbalanced)

    @property
    def per_second(self) -> float:
        return round(self.payments / self.seconds, 1)


def compare_with_chain(
    rows: Sequence[Mapping[str, Any]], seen: Sequence[HistoryTransfer]
) -> dict[str, list[Any]]:
    """Hold every payment against what the chain shows; return what is wrong, by kind."""
    credited: dict[int, list[HistoryTransfer]] = {}
    for transfer in seen:
        credited.setdefault(transfer.number, []).append(transfer)
    double, lost, differing = [], [], []
    for row in rows:
        found = credited.pop(row["number"], [])
        if len(found) > 1:
            double.append(row["number"])
        if row["status"] == "confirmed":
            proof = (row["transaction_hash"], row["amount_stroops"])
            if [(t.hash, t.amount_stroops) for t in found[:1]] != [proof]:
                differing.append(row["number"])
        elif row["status"] not in STOPPED or not row["status_reason"]:
            lost.append(row["id"])
        elif found and row["status"] != PaymentStatus.QUARANTINED:
            differing.append(row["number"])
    # Money that went out under a number nobody owes.
    return {"double": double, "lost": lost, "differing": differing + list(credited)}
