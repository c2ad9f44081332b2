"""Check every invariant of the journal, log the new violations, and stop settlement on one."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity

from adapters.postgres.database import Database
from domain.accounting.integrity_checks import CheckIntegrityInput, CheckIntegrityResult, Violation
from services.accounting.integrity.run_integrity_check import RunIntegrityCheck, run_integrity_check
from workflows.integrity_checks import IntegrityCheckActivities

log = logging.getLogger(__name__)


class IntegrityCheckActivitiesImpl(IntegrityCheckActivities):
    def __init__(self, database: Database, overdue: timedelta, *, stops: bool = True) -> None:
        """`overdue` is how long money may be on its way; `stops` lets a violated invariant open the circuit breaker."""
        self.database = database
        self.overdue = overdue
        self.stops = stops

    @activity.defn
    async def check_integrity(self, order: CheckIntegrityInput) -> CheckIntegrityResult:
        wanted = RunIntegrityCheck(order, self.overdue, self.stops)
        outcome = await run_integrity_check(self.database, wanted)
        if outcome.obstacle:
            log.info("not checked: %s", outcome.obstacle)
        _alarm(outcome.new)
        return outcome.result


def _alarm(new: Sequence[Violation]) -> None:
    """Log each violation once, for people to act on."""
    for each in new:
        if each.overdue:
            log.warning("overdue: %s: %s", each.subject, each.detail)
        else:
            log.error(
                "ALARM: invariant %s is violated: %s: %s", each.invariant, each.subject, each.detail
            )
