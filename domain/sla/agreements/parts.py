"""
Parts: one outage under several agreements is one row for each, with a verdict, a dispute and a payment of
its own. The declared outage belongs to the first agreement; its parts to the others, and they follow it.
"""

from dataclasses import dataclass

from domain.digests import derive_id
from domain.errors import Conflict

# No caller's id may contain it.
SEPARATOR = "~"
ID_MAX = 64


@dataclass(frozen=True, slots=True)
class OutagePart:
    """What the workflow of a part is started with, beside the content of the declared outage."""

    id: str
    agreement: str
    policy: str
    fingerprint: str


def make_part_id(outage_id: str, agreement: str) -> str:
    """Return the id of an outage's part under an agreement; a long one ends in a digest."""
    whole = f"{outage_id}{SEPARATOR}{agreement}"
    if len(whole) <= ID_MAX:
        return whole
    tail = SEPARATOR + derive_id("part", outage_id, agreement)
    return outage_id[: ID_MAX - len(tail)] + tail


def is_part(outage_id: str) -> bool:
    return SEPARATOR in outage_id


def check_whole(outage_id: str, part_of: str | None) -> None:
    """Refuse a command about a part that is given to the declared outage, whose parts follow it."""
    if part_of is not None:
        raise Conflict(f"outage {outage_id!r} is part of outage {part_of!r}; change that one")
