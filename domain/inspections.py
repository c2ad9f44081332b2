"""
An inspection looks at every promise of the book; a finding is what breaks one, or waits for too long.

    found -> mended -> found again

A finding is known by what it is about, so that it is told once, however often it is seen; what comes
back after it was mended is told again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.digests import derived_id
from domain.events import EventType
from domain.invariants import PROMISES, Invariant

# As many of one kind are named; the rest are counted.
NAMED_MAX = 20
# An inspection reads all of the book, so a large book is not inspected all of the time.
PAUSES_PER_INSPECTION = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Something that breaks a promise, by its id.

    One that is `overdue` breaks none yet: it has only waited for too long, and somebody must look.
    One that is `unnamed` stands for others of its kind, of which there are too many to name.
    """

    invariant: Invariant
    subject: str
    detail: str
    overdue: bool = False
    unnamed: bool = False

    @property
    def id(self) -> str:
        kind = "overdue" if self.overdue else "broken"
        return derived_id("fnd", self.invariant, kind, self.subject)

    @property
    def event_type(self) -> EventType:
        return EventType.BOOK_OVERDUE if self.overdue else EventType.BOOK_BROKEN

    def facts(self) -> dict[str, Any]:
        """What an event and an audit leaf say of it."""
        return {
            "finding_id": self.id,
            "invariant": self.invariant,
            "promise": PROMISES[self.invariant],
            "subject": self.subject,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Order:
    """Inspect the book now."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Inspection:
    """
    What an inspection came to; `looked` is false when it was left for later. `new` findings are told
    of by `deliveries`.
    """

    looked: bool
    broken: int = 0
    overdue: int = 0
    new: int = 0
    deliveries: Sequence[str] = ()


def broken(findings: Sequence[Finding]) -> bool:
    return any(not finding.overdue for finding in findings)


def due(last: datetime, took: timedelta, now: datetime) -> bool:
    """Tell whether the book has rested long enough since an inspection that began at `last`."""
    return now - last >= took * PAUSES_PER_INSPECTION


def told_in_full(findings: Sequence[Finding]) -> set[tuple[Invariant, bool]]:
    """Every kind of finding, by promise and whether it is overdue, of which each one is named."""
    kinds = {(invariant, late) for invariant in Invariant for late in (False, True)}
    return kinds - {(each.invariant, each.overdue) for each in findings if each.unnamed}


def by_subject(findings: Sequence[Finding]) -> dict[str, Finding]:
    """Those that are named, by id: what is found of one subject for two reasons is one finding."""
    merged: dict[str, Finding] = {}
    for each in findings:
        if each.unnamed:
            continue
        known = merged.get(each.id)
        details = each.detail if known is None else f"{known.detail}; {each.detail}"
        merged[each.id] = Finding(each.invariant, each.subject, details, each.overdue)
    return merged
