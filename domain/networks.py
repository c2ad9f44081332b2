"""
Networks: one is known by its passphrase and by the newest ledger seen of it.

A test network is reset now and then, under the same passphrase. The journal's channels and payments
do not exist on the new one, so nothing may be signed for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.errors import ChainMismatch


@dataclass(frozen=True, slots=True)
class NetworkState:
    """The newest ledger seen of a network, when it closed, and the rules it closed under."""

    passphrase: str
    protocol_version: int
    ledger: int
    closed_at: datetime


# Nodes show a ledger before all of them remember its transfers.
READING_LAG_MAX = 3


@dataclass(frozen=True, slots=True)
class ChainReading:
    """
    How far the transfers on the chain are read: the last ledger read in full, the newest one that was
    known at that time, and the ledgers that nobody can read any more and nobody has accepted as lost.
    `restored_at` is when the database was restored, while no ledger that closed since is read. All of it is of the
    `treasuries`: one that was named a moment ago may not be among them yet.
    """

    ledger: int = 0
    latest: int = 0
    gaps: tuple[str, ...] = ()
    restored_at: datetime | None = None
    treasuries: frozenset[str] = frozenset()

    @property
    def is_current(self) -> bool:
        return self.ledger >= self.latest - READING_LAG_MAX


@dataclass(frozen=True, slots=True)
class ReadingBound:
    """What must be read before anything is signed: all up to a ledger, and everything of late."""

    required_ledger: int
    max_age: timedelta

    def raised_to(self, ledger: int) -> "ReadingBound":
        return ReadingBound(max(self.required_ledger, ledger), self.max_age)

    def find_unread(
        self, reading: ChainReading, current_at: datetime | None, now: datetime
    ) -> str | None:
        """
        Return what of the chain is not read, as a sentence that stays the same meanwhile; None when
        enough is. `current_at` is when nothing was left to read.
        """
        if reading.ledger < self.required_ledger or current_at is None:
            return (
                f"the transfers on the chain are not read up to ledger {self.required_ledger} yet, and "
                "nothing is signed before it is known what was paid"
            )
        if reading.restored_at is not None:
            return (
                f"the database was restored at {_format(reading.restored_at)}, and the transfers on the chain are not "
                "read up to a ledger that closed after it: nothing is signed before it is known what was paid"
            )
        if reading.gaps:
            named = " and ".join(reading.gaps)
            return (
                f"the nodes dropped {named} before they were read, and what was paid in them is not known: "
                f"look elsewhere, then close the break history_gap of {named} to accept that"
            )
        if now - current_at > self.max_age:
            return (
                f"the transfers on the chain could not be read since {_format(current_at)}, and nothing is signed "
                "before it is known what was paid"
            )
        return None


def _format(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def check_network(known: NetworkState | None, found: NetworkState) -> None:
    """
    Refuse a network that has gone backwards since the database recorded it.

    Ledgers grow in number and in time: one with a lower number that closed later than the one
    known belongs to another chain. One that closed earlier only comes from nodes that lag.
    """
    if known is None or found.ledger >= known.ledger or found.closed_at <= known.closed_at:
        return
    raise ChainMismatch(
        f"the network was reset: ledger {found.ledger} closed at {found.closed_at.isoformat()}, "
        f"after ledger {known.ledger}, which is on record; start with an empty database"
    )


def choose_protocol(versions: Mapping[str, int]) -> int:
    """
    Return the protocol that most nodes serve; of two as common, the later, since a network only
    ever moves to later ones.
    """
    served = list(versions.values())
    return max(set(served), key=lambda version: (served.count(version), version))
