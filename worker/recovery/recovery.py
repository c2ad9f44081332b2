"""
Finds what is unfinished in the database and has no workflow that runs, and starts it again from there.

What the server lists may lag behind by seconds: what a list does not show is described, one by one, before
anything is done, and starting a workflow that runs after all changes nothing.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres.database import Database
from adapters.postgres.recovery import unfinished as records
from domain.deliveries import Delivery
from domain.jobs.jobs import RunJobInput
from domain.recovery.unfinished import ChangedOutage, Unfinished
from domain.settlement.batches import Batch
from domain.settlement.payments import Payment
from domain.sla.outages import Declaration
from services.accounting.recovery.record_restart import RecordRestart, record_restart
from services.accounting.recovery.record_sweep import record_sweep
from services.integration.deliveries.abandon_delivery import abandon_delivery
from worker.recovery.payment_notices import PaymentNotices
from worker.recovery.shown_workflows import RPC_TIMEOUT, ShownWorkflows, to_shown
from workflows.batches import BatchingWorkflow, BatchWorkflow
from workflows.jobs.jobs import JobWorkflow
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow
from workflows.visibility.search_attributes import make_debt_attributes, make_search_attributes
from workflows.webhooks import WebhookWorkflow

log = logging.getLogger(__name__)
MISSING = "missing"
ENDED_BY_SOMEBODY = frozenset({"terminated", "canceled"})
_SERVER_AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
Pages = Callable[..., Awaitable[list[Unfinished]]]


@dataclass(frozen=True, slots=True)
class Lost:
    """Something unfinished whose workflow does not run; `ended` says how it ended, as far as is known."""

    unfinished: Unfinished
    ended: str


class Recovery:
    def __init__(self, database: Database, client: Client) -> None:
        self.database = database
        self.client = client
        self.workflows = ShownWorkflows(client)
        self.notices = PaymentNotices(database, client)
        # Workflows that were to catch up at the last sweep.
        self._behind = set[str]()

    async def find_lost(self, *, deliveries: bool = False) -> AsyncIterator[Lost]:
        """
        Go through everything unfinished, a page at a time; `Lost` is what has no workflow, or one that ended
        too early. Deliveries only if wanted.
        """
        async for page in self._read_pages(deliveries=deliveries):
            for unfinished in await self._list_absent(page):
                described = await self.workflows.describe(unfinished.workflow_id)
                if not _is_running(described) and await self._is_unfinished(unfinished):
                    yield Lost(unfinished, _tell_end(described))

    async def sweep(self) -> int:
        """
        Start all that is lost, and have those catch up that know too little; return how many. A delivery whose
        workflow somebody ended is given up. What cannot
        be started, and what is behind as it was at the last sweep, is recorded as unattended.
        """
        began, count, unattended = datetime.now(UTC), 0, 0
        async for lost in self.find_lost(deliveries=True):
            subject = lost.unfinished.subject
            if isinstance(subject, Delivery) and lost.ended in ENDED_BY_SOMEBODY:
                await self._give_up(subject, lost.ended)
                continue
            try:
                count += await self.start(lost)
            except RPCError as error:
                if error.status in _SERVER_AWAY:
                    raise
                unattended += 1
                log.error("%s cannot be started: %s", lost.unfinished.workflow_id, error)
        caught_up, stuck = await self._catch_all_up()
        await record_sweep(self.database, began, unattended + stuck)
        return count + caught_up

    async def _give_up(self, delivery: Delivery, ended: str) -> None:
        """Abandon a delivery whose workflow somebody ended, who does not want it; a person may have it tried again."""
        problem = f"somebody ended its workflow, which was {ended}: it is given up"
        log.warning("delivery %s: %s", delivery.id, problem)
        await abandon_delivery(self.database, delivery.id, problem)

    async def _catch_all_up(self) -> tuple[int, int]:
        """Return how many workflows are to catch up, and how many of them were already at the last sweep."""
        count, behind = 0, set[str]()
        async for page in self._read_pages(deliveries=False):
            known = [
                ChangedOutage(each.outage_id, each.version)
                for each in page
                if each.version is not None and not each.awaits_receipt
            ]
            paid = [each.workflow_id for each in page if each.awaits_receipt]
            late, _ = await self.find_behind(known)
            behind |= {*late}
            for workflow_id in [*late, *paid]:
                count += await self.catch_up(workflow_id)
            for each in page:
                if each.due_signal:
                    what = f"it stands at {each.status}, and may go on"
                    count += await self.notices.notify(each.workflow_id, what, each.due_signal)
            owed = [each.id for each in page if isinstance(each.subject, Payment)]
            count += await self.notices.compare_named(owed)
        count += await self.notices.notify_idle_batches()
        stuck = len(behind & self._behind)
        self._behind = behind
        return count, stuck

    async def start(self, lost: Lost) -> bool:
        """Start a workflow from the database and record that; False when it runs after all."""
        unfinished, subject = lost.unfinished, lost.unfinished.subject
        arguments: dict[str, Any] = {
            "id": unfinished.workflow_id,
            "id_reuse_policy": WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            "id_conflict_policy": WorkflowIDConflictPolicy.FAIL,
            "rpc_timeout": RPC_TIMEOUT,
            "static_summary": f"{unfinished.summary}, started again from the database".lstrip(", "),
        }
        run, queue = _choose_workflow(subject)
        if isinstance(subject, Declaration):
            arguments["search_attributes"] = make_search_attributes(subject)
        if isinstance(subject, Payment):
            owed = make_debt_attributes(subject.amount_stroops, unfinished.agreement)
            arguments["search_attributes"] = owed
        try:
            given = [] if subject is None else [subject]
            handle = await self.client.start_workflow(
                run, args=given, task_queue=queue, **arguments
            )
        except WorkflowAlreadyStartedError:
            return False
        log.warning("%s was %s; started again", unfinished.workflow_id, lost.ended)
        run_id = handle.result_run_id or ""
        command = RecordRestart(unfinished, run_id, lost.ended, datetime.now(UTC))
        await record_restart(self.database, command)
        return True

    async def catch_up(self, workflow_id: str) -> bool:
        """Have the workflow of an outage read the database again; False when it does not run."""
        if not await self.workflows.signal(workflow_id, "catch_up"):
            return False
        log.info("%s knows less than the database; it catches up", workflow_id)
        return True

    async def find_behind(self, changed: Sequence[ChangedOutage]) -> tuple[list[str], list[str]]:
        """Return which workflows of outages run and do not know the version on record, and which there never were."""
        shown = await self.workflows.list_named([each.workflow_id for each in changed])
        behind, absent = list[str](), list[str]()
        for each in changed:
            if each.workflow_id in shown and shown[each.workflow_id].version == each.version:
                continue
            described = await self.workflows.describe(each.workflow_id)
            if described is None:
                absent.append(each.workflow_id)
            elif _is_running(described) and _get_version(described) != each.version:
                behind.append(each.workflow_id)
        return behind, absent

    async def start_absent(self, outage_ids: Sequence[str]) -> int:
        """Start the workflows of outages whose declarers died before they did; return how many."""
        found = await self._read(records.list_outages, "", outage_ids)
        return sum([await self.start(Lost(each, MISSING)) for each in found])

    async def _read_pages(self, *, deliveries: bool) -> AsyncIterator[list[Unfinished]]:
        reads: list[Pages] = [records.list_outages, records.list_payments, records.list_jobs]
        for read in [*reads, records.list_deliveries] if deliveries else reads:
            after = ""
            while page := await self._read(read, after):
                yield page
                after = page[-1].id
        async with self.database.autocommit() as connection:
            page = await records.list_batches(connection)
        if page:
            yield page

    async def _read(self, read: Pages, *arguments: Any) -> list[Unfinished]:
        async with self.database.autocommit() as connection:
            return await read(connection, *arguments)

    async def _is_unfinished(self, found: Unfinished) -> bool:
        """Look again: the workflow may have ended because it has done its work."""
        if found.subject is None or isinstance(found.subject, Batch):
            async with self.database.autocommit() as connection:
                return found in await records.list_batches(connection)
        read: Pages = records.list_payments
        if isinstance(found.subject, Declaration):
            read = records.list_outages
        if isinstance(found.subject, Delivery):
            read = records.list_deliveries
        if isinstance(found.subject, RunJobInput):
            read = records.list_jobs
        return bool(await self._read(read, "", [found.id]))

    async def _list_absent(self, page: Sequence[Unfinished]) -> list[Unfinished]:
        shown = await self.workflows.list_named([each.workflow_id for each in page])
        return [
            each
            for each in page
            if each.workflow_id not in shown or not shown[each.workflow_id].running
        ]


def _choose_workflow(subject: object) -> tuple[Any, str]:
    """Return which workflow sees this through, and its queue."""
    match subject:
        case Declaration():
            return OutageWorkflow.run, "outages"
        case Delivery():
            return WebhookWorkflow.run, "webhooks"
        case RunJobInput():
            return JobWorkflow.run, "analytics"
        case Batch():
            return BatchWorkflow.run, "settlement"
        case Payment():
            return PaymentWorkflow.run, "settlement"
    return BatchingWorkflow.run, "settlement"


def _is_running(described: WorkflowExecutionDescription | None) -> bool:
    return described is not None and to_shown(described).running


def _get_version(described: WorkflowExecutionDescription | None) -> int | None:
    return to_shown(described).version if described else None


def _tell_end(described: WorkflowExecutionDescription | None) -> str:
    if described is None or described.status is None:
        return MISSING
    return described.status.name.lower()
