"""Look at every promise of the book, tell of what is new, and stop when one is broken."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity

from adapters.postgres.database import Database
from domain.inspections import Finding, Inspection, Order
from services.accounting.integrity.inspect_journal import InspectJournal, inspect_journal
from workflows.inspections import InspectionSteps

log = logging.getLogger(__name__)


class InspectionActivities(InspectionSteps):
    def __init__(self, database: Database, overdue: timedelta, *, stops: bool = True) -> None:
        """`overdue` is how long money may be on its way; `stops` lets a broken promise open the breaker."""
        self.database = database
        self.overdue = overdue
        self.stops = stops

    @activity.defn
    async def inspect_book(self, order: Order) -> Inspection:
        wanted = InspectJournal(order, self.overdue, self.stops)
        inspected = await inspect_journal(self.database, wanted)
        if inspected.obstacle:
            log.info("not inspected: %s", inspected.obstacle)
        _alarm(inspected.new)
        return inspected.inspection


def _alarm(new: Sequence[Finding]) -> None:
    """Call for people, once for each finding."""
    for each in new:
        if each.overdue:
            log.warning("overdue: %s: %s", each.subject, each.detail)
        else:
            log.error(
                "ALARM: the book is not %s: %s: %s", each.invariant, each.subject, each.detail
            )
