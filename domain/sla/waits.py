"""Waits: what an outage waits for, since when and until when, from how it stands on record."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.reasons import Wait, WaitsFor
from domain.sla.outages import FINAL, OutageStatus


@dataclass(frozen=True, slots=True)
class StandingOutage:
    """
    How an outage stands. `window` is the dispute window of its verdict, `decision` the time to decide a dispute
    that nobody has decided, `stopped` what its payment waits for. It is halted while the SLA contract does not
    confirm its verdict.
    """

    status: OutageStatus | None
    detected_at: datetime
    window: Wait | None
    decision: Wait | None
    stopped: Wait | None
    is_halted: bool = False


def bound_wait(waits_for: WaitsFor, deadline: datetime, seconds: int) -> Wait:
    """Return a wait that began so many seconds before its deadline."""
    return Wait(waits_for, deadline - timedelta(seconds=seconds), deadline)


def find_wait(standing: StandingOutage, at: datetime) -> Wait:
    """Return what an outage waits for; since when, where that is on record."""
    if standing.status is OutageStatus.DECLARED:
        return Wait(WaitsFor.REPAIR, standing.detected_at)
    if standing.status in FINAL:
        return Wait(WaitsFor.NOTHING)
    for status, bounded in (
        (OutageStatus.DISPUTABLE, standing.window),
        (OutageStatus.DISPUTED, standing.decision),
    ):
        if standing.status is status and bounded and bounded.deadline and at < bounded.deadline:
            return bounded
    return standing.stopped or Wait(WaitsFor.HALT if standing.is_halted else WaitsFor.NETWORK)
