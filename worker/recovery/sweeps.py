"""
Sweeps: everything unfinished is compared with the workflows that see it through, a page at a time.

What is missing is started, what knows too little catches up. A few pages are gone through at once. Of a hundred
thousand open outages each page is followed by a rest, so that a sweep takes minutes, and neither the workflow server
nor the database is kept busy by it; what somebody ended since the last look is found without that.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres.database import Database
from adapters.postgres.recovery.unfinished import PAGE
from domain.deliveries import Delivery
from domain.recovery.unfinished import ChangedOutage, Unfinished
from domain.settlement.payments import Payment
from services.accounting.recovery.record_sweep import record_sweep
from services.integration.deliveries.abandon_delivery import abandon_delivery
from worker.recovery.payment_notices import PaymentNotices
from worker.recovery.recovery import Lost, Recovery, list_absent
from worker.recovery.shown_workflows import ShownWorkflow

log = logging.getLogger(__name__)
ENDED_BY_SOMEBODY = frozenset({"terminated", "canceled"})
_SERVER_AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
# A full page is followed by a rest of so many times as long as it took.
REST = 3.0
# A sweep that takes longer says so meanwhile, well before readiness would call it missing.
RECORD_SECONDS = 20.0
# The list of workflows may lag behind by so much.
LAG = timedelta(minutes=1)


@dataclass
class SweepTally:
    """What one sweep has come to so far; `behind` are the workflows that were to catch up."""

    started: int = 0
    unattended: int = 0
    notified: int = 0
    behind: set[str] = field(default_factory=set)


class Sweeper:
    def __init__(self, database: Database, client: Client) -> None:
        self.database = database
        self.recovery = Recovery(database, client)
        self.notices = PaymentNotices(database, client)
        self.ended_since = datetime.now(UTC) - LAG
        # Workflows that were to catch up at the last sweep, and what that came to.
        self._behind, self._unattended = set[str](), 0

    async def sweep(self) -> int:
        """
        Start all that is lost, and have those catch up that know too little; return how many. A delivery whose
        workflow somebody ended is given up. What cannot be started, and what is behind as it was at the last sweep,
        is recorded as unattended.
        """
        at, recorded, tally = datetime.now(UTC), time.monotonic(), SweepTally()
        async for page in self._read_pages_at_ease():
            await self._sweep_page(page, tally)
            if time.monotonic() - recorded >= RECORD_SECONDS:
                at, recorded = datetime.now(UTC), time.monotonic()
                await record_sweep(self.database, at, self._unattended)
        tally.notified += await self.notices.notify_idle_batches()
        self._unattended = tally.unattended + len(tally.behind & self._behind)
        self._behind = tally.behind
        # Never an earlier instant than was recorded meanwhile: readiness would say that nobody looks.
        await record_sweep(self.database, at, self._unattended)
        return tally.started + tally.notified

    async def start_ended(self) -> int:
        """Start again what somebody ended since the last look, however much is unfinished; return how much."""
        began, tally = datetime.now(UTC), SweepTally()
        async for lost in self.recovery.find_ended(self.ended_since - LAG):
            await self._restart(lost, tally)
        self.ended_since = began
        return tally.started

    async def _read_pages_at_ease(self) -> AsyncIterator[list[Unfinished]]:
        asked = time.monotonic()
        async for page in self.recovery.read_pages(deliveries=True):
            yield page
            if len(page) >= PAGE:
                await asyncio.sleep(REST * (time.monotonic() - asked))
            asked = time.monotonic()

    async def _sweep_page(self, page: Sequence[Unfinished], tally: SweepTally) -> None:
        shown = await self.recovery.workflows.list_named([each.workflow_id for each in page])
        for unfinished in list_absent(page, shown):
            if lost := await self.recovery.confirm_lost(unfinished):
                await self._restart(lost, tally)
        await self._catch_up(page, shown, tally)

    async def _restart(self, lost: Lost, tally: SweepTally) -> None:
        subject = lost.unfinished.subject
        if isinstance(subject, Delivery) and lost.ended in ENDED_BY_SOMEBODY:
            await self._give_up(subject, lost.ended)
            return
        try:
            tally.started += await self.recovery.start(lost)
        except RPCError as error:
            if error.status in _SERVER_AWAY:
                raise
            tally.unattended += 1
            log.error("%s cannot be started: %s", lost.unfinished.workflow_id, error)

    async def _give_up(self, delivery: Delivery, ended: str) -> None:
        """Abandon a delivery whose workflow somebody ended, who does not want it; a person may have it tried again."""
        problem = f"somebody ended its workflow, which was {ended}: it is given up"
        log.warning("delivery %s: %s", delivery.id, problem)
        await abandon_delivery(self.database, delivery.id, problem)

    async def _catch_up(
        self, page: Sequence[Unfinished], shown: Mapping[str, ShownWorkflow], tally: SweepTally
    ) -> None:
        known = [
            ChangedOutage(each.outage_id, each.version)
            for each in page
            if each.version is not None and not each.awaits_receipt
        ]
        paid = [each.workflow_id for each in page if each.awaits_receipt]
        late, _ = await self.recovery.compare(known, shown)
        tally.behind |= {*late}
        for workflow_id in [*late, *paid]:
            tally.notified += await self.recovery.catch_up(workflow_id)
        for each in page:
            if each.due_signal:
                what = f"it stands at {each.status}, and may go on"
                due = await self.notices.notify(each.workflow_id, what, each.due_signal)
                tally.notified += due
        owed = [each.id for each in page if isinstance(each.subject, Payment)]
        tally.notified += await self.notices.compare_named(owed)
