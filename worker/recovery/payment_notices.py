"""
Notifies workflows that show less of a payment than the database says.

A payment may have two that drive it: an activity and its own workflow, or a batch and its own workflow. The one
that committed a step may be killed before the other hears of it, which waits for an hour where it was blocked. So
what each shows to wait for is compared with what is on record: a payment that knows less is signalled `retry`,
its outage `catch_up`. Both are harmless where there is nothing to know.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from temporalio.client import Client

from adapters.postgres.database import Database
from adapters.postgres.recovery import standing_payments as records
from adapters.postgres.settlement import batches
from domain.reasons import WaitsFor
from domain.recovery.standing_payments import StandingPayment
from worker.recovery.shown_workflows import ShownWorkflows, to_shown

log = logging.getLogger(__name__)
# What was notified and is not shown is notified again after this long, and then after twice as long, and so on.
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 10.0, 300.0
FORGET_SECONDS = 3600.0
# For so long the list of workflows may lack one that has begun.
LAG_SECONDS = 15.0
Rule = Callable[[WaitsFor | None], bool]


class PaymentNotices:
    def __init__(
        self, database: Database, client: Client, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.database = database
        self.workflows = ShownWorkflows(client)
        self.now = now
        # What was notified to whom: when last, and how long until it is notified again.
        self._signalled: dict[tuple[str, str], tuple[float, float]] = {}
        # Payments of ended outages, and when each was compared first.
        self._ended: dict[str, float] = {}

    async def look(self, since: datetime, grace: timedelta) -> int:
        """Compare the payments at work, those just made, and those of outages that ended; return how many were notified."""
        async with self.database.autocommit() as connection:
            at_work = await records.list_at_work(connection)
            unreceived = await records.list_unreceived(connection)
            ended = await records.list_ended(connection, since, grace)
        now = self.now()
        self._ended = {each.id: self._ended.get(each.id, now) for each in ended}
        news = [each for each in ended if now - self._ended[each.id] < LAG_SECONDS]
        return await self.compare([*at_work, *unreceived, *news])

    async def compare_named(self, payment_ids: Sequence[str]) -> int:
        """Compare these payments; return how many were notified."""
        if not payment_ids:
            return 0
        async with self.database.autocommit() as connection:
            found = await records.list_named(connection, payment_ids)
        return await self.compare(found)

    async def compare(self, found: Sequence[StandingPayment]) -> int:
        """Notify each workflow that shows less than is on record; return how many were notified."""
        if not found:
            return 0
        names = {name for each in found for name in (each.workflow_id, each.outage_workflow_id)}
        shown = await self.workflows.list_named(sorted(names))
        notified = 0
        for each in found:
            for name, signal, is_unknown in _list_rules(each):
                known = shown.get(name)
                if known is not None and known.running and is_unknown(known.waits_for):
                    notified += await self.notify(name, each.describe(), signal, is_unknown)
        return notified

    async def notify_idle_batches(self) -> int:
        """Notify each batch that waits for a review and whose channel a person has released; return how many."""
        waiting = await self.workflows.list_waiting("BatchWorkflow", WaitsFor.REVIEW)
        if not waiting:
            return 0
        async with self.database.autocommit() as connection:
            at_work = {f"batch/{each.id}" for each in await batches.list_open(connection)}
        notified = 0
        for name in sorted(set(waiting) - at_work):
            notified += await self.notify(name, "its attempt has ended", "retry")
        return notified

    async def notify(
        self, name: str, what: str, signal: str, is_unknown: Rule = lambda _shown: True
    ) -> bool:
        """Signal a workflow that has missed what is said; False when it knows by now, or was notified a moment ago."""
        key = (name, what)
        at, again = self._signalled.get(key, (-AGAIN_SECONDS_MAX, AGAIN_SECONDS / 2))
        if self.now() - at < again:
            return False
        # The list may lag behind.
        described = await self.workflows.describe(name)
        if described is None:
            return False
        shown = to_shown(described)
        if not shown.running or not is_unknown(shown.waits_for):
            return False
        self._remember(key, min(again * 2, AGAIN_SECONDS_MAX))
        log.info("%s does not show that %s; it is notified", name, what)
        return await self.workflows.signal(name, signal)

    def _remember(self, key: tuple[str, str], again: float) -> None:
        now = self.now()
        self._signalled = {
            name: notified
            for name, notified in self._signalled.items()
            if now - notified[0] < FORGET_SECONDS
        }
        self._signalled[key] = (now, again)


def _list_rules(payment: StandingPayment) -> list[tuple[str, str, Rule]]:
    """Return, of both workflows, the name, the signal, and what it does not know if that is shown."""
    return [
        (payment.workflow_id, "retry", payment.is_unknown_to_payment),
        (payment.outage_workflow_id, "catch_up", payment.is_unknown_to_outage),
    ]
