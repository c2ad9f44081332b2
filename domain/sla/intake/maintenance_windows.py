"""Maintenance windows: when a carrier works on what circuits, as its newest notice says."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.digests import derive_id

IMPACTS = ("NO-IMPACT", "REDUCED-REDUNDANCY", "DEGRADED", "OUTAGE")


class WindowStatus(StrEnum):
    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    IN_PROCESS = "in-process"
    COMPLETED = "completed"
    RE_SCHEDULED = "re-scheduled"
    NO_CHANGE = "no-change"


@dataclass(frozen=True, slots=True)
class AffectedCircuit:
    id: str
    impact: str


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """
    One maintenance as one notice says; of several notices the one with the highest sequence holds. `tzdata`
    is the version of the time zones by which its times were read, where any were needed.
    """

    provider: str
    account: str | None
    maintenance_id: str
    sequence: int
    status: WindowStatus
    starts_at: datetime
    ends_at: datetime
    circuits: list[AffectedCircuit]
    summary: str
    noticed_at: datetime
    tzdata: str | None = None

    def derive_window_id(self, source: str) -> str:
        """Name the notice; another notice of this sequence has the same name, and must say the same."""
        key = (source, self.provider, self.account or "", self.maintenance_id, str(self.sequence))
        return derive_id("mnt", *key)


@dataclass(frozen=True, slots=True)
class RecordedWindow:
    """A window on record, with the message that is its evidence."""

    id: str
    source: str
    message_id: str
    recorded_at: datetime
    window: MaintenanceWindow
