"""What is on record of an outage, as far as a row of a file may contradict it."""

from dataclasses import dataclass
from datetime import datetime

from domain.errors import Invalid
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import SlaStatus


@dataclass(frozen=True, slots=True)
class KnownOutage:
    id: str
    fingerprint: str
    status: OutageStatus
    resolved_at: datetime | None
    settled_elsewhere: bool
    # Of the newest verdict, without its sign.
    amount_stroops: int | None
    sla_status: SlaStatus | None
    # Of the request by which it was resolved last.
    resolution_key: str | None

    @property
    def is_reopened(self) -> bool:
        """Whether somebody took back the end that a file had given it."""
        return self.status is OutageStatus.DECLARED and self.resolution_key == name_request(self.id)


def check_not_cancelled(outage_id: str, status: OutageStatus) -> None:
    """Refuse the end of an outage that was called off."""
    if status is OutageStatus.CANCELLED:
        raise Invalid(
            "end_time",
            f"is of {outage_id!r}, which was cancelled: leave the row out, or use another id",
        )


def name_request(outage_id: str) -> str:
    """Name the request of files to resolve an outage, which is the same one in whatever file it comes."""
    return f"import-{outage_id}"
