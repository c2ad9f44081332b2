"""Look at every promise of the book, tell of what is new, and stop when one is broken."""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from adapters.postgres import breakers, events, inspections, invariants, webhooks
from adapters.postgres.database import Database
from domain.audit import by_engine, leaf
from domain.digests import instant
from domain.events import event
from domain.inspections import Finding, Inspection, Order, by_subject, told_in_full
from workflows.inspections import InspectionSteps

log = logging.getLogger(__name__)
# Each that is new is told by itself; of more than so many of a kind, some wait until others are mended.
NAMED_MAX = 1000


class InspectionActivities(InspectionSteps):
    def __init__(self, database: Database, overdue: timedelta, *, stops: bool = True) -> None:
        """`overdue` is how long money may be on its way; `stops` lets a broken promise open the breaker."""
        self.database = database
        self.overdue = overdue
        self.stops = stops

    @activity.defn
    async def inspect_book(self, order: Order) -> Inspection:
        async with self.database.transaction() as connection:
            await inspections.lock(connection)
            obstacle = await inspections.obstacle(connection, order.at)
            if obstacle is not None:
                log.info("not inspected: %s", obstacle)
                return Inspection(looked=False)
            began = time.monotonic()
            found = await invariants.check(connection, self.overdue, NAMED_MAX)
            took = timedelta(seconds=time.monotonic() - began)
            named = by_subject(found)
            new = await inspections.keep_findings(connection, named, told_in_full(found), order.at)
            await _tell(connection, new, order)
            if self.stops:
                await _stop(connection, new, order)
            late = sum(each.overdue for each in named.values())
            await inspections.keep(connection, order.at, took, len(named) - late, late)
            untold = await webhooks.untold(connection)
        _alarm(new)
        return Inspection(True, len(named) - late, late, len(new), untold)


async def _tell(connection: AsyncConnection, new: Sequence[Finding], order: Order) -> None:
    by = by_engine("inspection")
    # It may be mended and found again, which is another event.
    at = instant(order.at)
    told = [
        (
            leaf(f"finding/{each.id}", each.event_type, by, order.at, each.facts(), at),
            [event(each.event_type, None, order.at, each.facts(), each.id, at)],
        )
        for each in new
    ]
    if told:
        await events.publish_all(connection, told)


async def _stop(connection: AsyncConnection, new: Sequence[Finding], order: Order) -> None:
    """Open the breaker: on a book that is not right, nothing more is paid until somebody has looked."""
    broken = [each for each in new if not each.overdue]
    if broken:
        more = f", and {len(broken) - 1} more" if broken[1:] else ""
        reason = f"the book is not {broken[0].invariant}, see finding {broken[0].id}{more}"
        await breakers.switch(connection, by_engine("inspection"), order.at, reason, to_open=True)


def _alarm(new: Sequence[Finding]) -> None:
    """Call for people, once for each finding."""
    for each in new:
        if each.overdue:
            log.warning("overdue: %s: %s", each.subject, each.detail)
        else:
            log.error(
                "ALARM: the book is not %s: %s: %s", each.invariant, each.subject, each.detail
            )
