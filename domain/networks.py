"""
Networks: one is known by its passphrase and by the newest ledger seen of it.

A test network is reset now and then, under the same passphrase. The journal's channels and payments
do not exist on the new one, so nothing may be signed for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.errors import ChainMismatch


@dataclass(frozen=True, slots=True)
class NetworkState:
    """The newest ledger seen of a network, when it closed, and the rules it closed under."""

    passphrase: str
    protocol_version: int
    ledger: int
    closed_at: datetime


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
