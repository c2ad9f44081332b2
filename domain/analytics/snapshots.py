"""
Snapshots: what all agreements came to at one instant, as canonical JSON with its SHA-256.

A snapshot is added and never changed. It is verified by hashing it again, and reconciled by adding up the
entries of the journal that it has seen.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.analytics.trends import Totals
from domain.digests import encode, format_instant

FORMAT = 1


@dataclass(frozen=True, slots=True)
class TakeSnapshotInput:
    """Ask for a snapshot now."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TakeSnapshotResult:
    """The job that takes it."""

    job_id: str = ""


@dataclass(frozen=True, slots=True)
class SeenTotals:
    """What each agreement came to at an instant, and the transactions that were seen, as PostgreSQL names them."""

    at: datetime
    seen: str
    agreements: Mapping[str, Totals]


@dataclass(frozen=True, slots=True)
class AnalyticsSnapshot:
    id: str
    taken_at: datetime
    taken_by: str
    content: str
    checksum: str
    tzdata: str
    seen: str

    def list_problems(self) -> list[str]:
        """Return what is wrong with a snapshot; nothing when it is as it was taken."""
        if compute_checksum(self.content) != self.checksum:
            return ["the content has another SHA-256 than was recorded with it"]
        content = self.parse()
        beside = {
            "taken_at": format_instant(self.taken_at),
            "tzdata": self.tzdata,
            "seen": self.seen,
        }
        return [
            f"{name} is {value} in the row, and {content.get(name)} in the content"
            for name, value in beside.items()
            if content.get(name) != value
        ]

    def parse(self) -> dict[str, Any]:
        """Return the content; its stroops are strings."""
        content: dict[str, Any] = json.loads(self.content)
        return content

    def get_money(self) -> dict[str, "Money"]:
        return {
            name: Money(int(sums["rewards_stroops"]), int(sums["penalties_stroops"]))
            for name, sums in self.parse()["agreements"].items()
        }


@dataclass(frozen=True, slots=True)
class Money:
    """What verdicts cost; both are positive."""

    rewards_stroops: int = 0
    penalties_stroops: int = 0


@dataclass(frozen=True, slots=True)
class SnapshotDifference:
    """An agreement of which snapshot and journal differ; the name is empty for entries that belong to none."""

    agreement: str
    snapshot: Money
    journal: Money


def compute_checksum(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def make_snapshot(
    snapshot_id: str, taken_by: str, found: SeenTotals, tzdata: str
) -> AnalyticsSnapshot:
    """Write down what was read, as canonical JSON."""
    whole = Totals()
    for each in found.agreements.values():
        whole = whole.add(each)
    content = encode(
        {
            "format": FORMAT,
            "taken_at": format_instant(found.at),
            "tzdata": tzdata,
            "seen": found.seen,
            "totals": _describe(whole),
            "agreements": {name: _describe(each) for name, each in found.agreements.items()},
        }
    ).decode()
    checksum = compute_checksum(content)
    return AnalyticsSnapshot(snapshot_id, found.at, taken_by, content, checksum, tzdata, found.seen)


def _describe(totals: Totals) -> dict[str, Any]:
    return {
        "detected": totals.detected,
        "open": totals.open,
        "judged": totals.outages,
        "cancelled": totals.cancelled,
        "voided": totals.voided,
        "violations": totals.violations,
        "minutes": str(totals.minutes),
        "rewards_stroops": str(totals.rewards_stroops),
        "penalties_stroops": str(totals.penalties_stroops),
    }


def compare_money(
    snapshot: Mapping[str, Money], journal: Mapping[str, Money]
) -> list[SnapshotDifference]:
    """Return every agreement of which the two do not say the same, by name."""
    return [
        SnapshotDifference(name, mine, its)
        for name in sorted({*snapshot, *journal})
        if (mine := snapshot.get(name, Money())) != (its := journal.get(name, Money()))
    ]
