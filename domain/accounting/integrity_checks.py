"""
An integrity check looks at every invariant of the journal; a violation is what breaks one, or waits for too long.

    open -> resolved -> open again

A violation is known by what it is about, so that it is announced once, however often it is found; what comes
back after it was resolved is announced again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.accounting.invariants import INVARIANT_DESCRIPTIONS, Invariant
from domain.digests import derive_id
from domain.events import EventType

# As many of one kind are named; the rest are counted.
NAMED_MAX = 20
# An integrity check reads all of the journal, so a large journal is not checked all of the time.
PAUSES_PER_CHECK = 10


@dataclass(frozen=True, slots=True)
class Violation:
    """
    Something that breaks an invariant; its id is derived from what it is about.

    One that is `overdue` breaks none yet: it has waited for too long, and a person must look.
    One that is `unnamed` represents others of its kind, of which there are too many to name.
    """

    invariant: Invariant
    subject: str
    detail: str
    overdue: bool = False
    unnamed: bool = False

    @property
    def id(self) -> str:
        kind = "overdue" if self.overdue else "broken"
        return derive_id("vio", self.invariant, kind, self.subject)

    @property
    def event_type(self) -> EventType:
        return EventType.OBLIGATION_OVERDUE if self.overdue else EventType.INVARIANT_VIOLATED

    def payload(self) -> dict[str, Any]:
        """Return the payload of its event and audit entry."""
        return {
            "violation_id": self.id,
            "invariant": self.invariant,
            "description": INVARIANT_DESCRIPTIONS[self.invariant],
            "subject": self.subject,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class ViolationRecord:
    """A violation on record, since when, and until when."""

    id: str
    invariant: Invariant
    overdue: bool
    subject: str
    detail: str
    found_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class IntegrityCheckRecord:
    """When the journal was checked, and how many violations were found."""

    at: datetime
    took_ms: int
    broken: int
    overdue: int


@dataclass(frozen=True, slots=True)
class CheckIntegrityInput:
    """Ask for an integrity check now."""

    at: datetime


@dataclass(frozen=True, slots=True)
class CheckIntegrityResult:
    """The result of an integrity check; `looked` is false when it was put off."""

    looked: bool
    broken: int = 0
    overdue: int = 0
    new: int = 0


def has_violation(violations: Sequence[Violation]) -> bool:
    return any(not violation.overdue for violation in violations)


def is_due(last: datetime, took: timedelta, now: datetime) -> bool:
    """Return whether enough time has passed since an integrity check that began at `last`."""
    return now - last >= took * PAUSES_PER_CHECK


def list_complete_kinds(violations: Sequence[Violation]) -> set[tuple[Invariant, bool]]:
    """Return the kinds, by invariant and whether overdue, of which every violation is named."""
    kinds = {(invariant, late) for invariant in Invariant for late in (False, True)}
    return kinds - {(each.invariant, each.overdue) for each in violations if each.unnamed}


def merge_by_subject(violations: Sequence[Violation]) -> dict[str, Violation]:
    """Return the named violations by id; two reasons about one subject make one violation."""
    merged: dict[str, Violation] = {}
    for each in violations:
        if each.unnamed:
            continue
        known = merged.get(each.id)
        details = each.detail if known is None else f"{known.detail}; {each.detail}"
        merged[each.id] = Violation(each.invariant, each.subject, details, each.overdue)
    return merged
