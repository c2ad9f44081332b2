"""
Finds what is unfinished in the database and has no workflow that runs, and starts it again from there.

What the server lists may lag behind by seconds: what a list does not show is described, one by one, before
anything is done, and starting a workflow that runs after all changes nothing.
"""

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from adapters.postgres.database import Database
from adapters.postgres.recovery import unfinished as records
from domain.deliveries import Delivery
from domain.jobs.jobs import RunJobInput
from domain.recovery.unfinished import ChangedOutage, Unfinished
from domain.settlement.batches import Batch
from domain.settlement.payments import Payment
from domain.sla.outages import Declaration
from services.accounting.recovery.record_restart import RecordRestart, record_restart
from worker.recovery.shown_workflows import (
    NAMES_MAX,
    RPC_TIMEOUT,
    ShownWorkflow,
    ShownWorkflows,
    to_shown,
)
from workflows.batches import BatchingWorkflow, BatchWorkflow
from workflows.jobs.jobs import JobWorkflow
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow
from workflows.visibility.search_attributes import make_debt_attributes, make_search_attributes
from workflows.webhooks import WebhookWorkflow

log = logging.getLogger(__name__)
MISSING = "missing"
Pages = Callable[..., Awaitable[list[Unfinished]]]
# What is read of the database for each kind of workflow, by what its id begins with.
READS: Mapping[str, Pages] = {
    "payment": records.list_payments,
    "job": records.list_jobs,
    "outage": records.list_outages,
    "webhook": records.list_deliveries,
}


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

    async def find_lost(self, *, deliveries: bool = False) -> AsyncIterator[Lost]:
        """
        Go through everything unfinished, a page at a time; `Lost` is what has no workflow, or one that ended
        too early. Deliveries only if wanted.
        """
        async for page in self.read_pages(deliveries=deliveries):
            shown = await self.workflows.list_named([each.workflow_id for each in page])
            for unfinished in list_absent(page, shown):
                if lost := await self.confirm_lost(unfinished):
                    yield lost

    async def find_ended(self, since: datetime) -> AsyncIterator[Lost]:
        """Return what is unfinished and whose workflow somebody ended, or failed, since an instant."""
        names = await self.workflows.list_ended(since)
        for start in range(0, len(names), NAMES_MAX):
            async for page in self._read_named(names[start : start + NAMES_MAX]):
                for unfinished in page:
                    if lost := await self.confirm_lost(unfinished):
                        yield lost

    async def confirm_lost(self, unfinished: Unfinished) -> Lost | None:
        """Look again, at the workflow and then at the record, which may be final by now; None when all is well."""
        described = await self.workflows.describe(unfinished.workflow_id)
        if _is_running(described) or not await self._is_unfinished(unfinished):
            return None
        return Lost(unfinished, _tell_end(described))

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
        return await self.compare(changed, shown)

    async def compare(
        self, changed: Sequence[ChangedOutage], shown: Mapping[str, ShownWorkflow]
    ) -> tuple[list[str], list[str]]:
        """The same, with what the server lists of them."""
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

    async def read_pages(self, *, deliveries: bool) -> AsyncIterator[list[Unfinished]]:
        for kind, read in READS.items():
            if kind == "webhook" and not deliveries:
                continue
            after = ""
            while page := await self._read(read, after):
                yield page
                after = page[-1].id
        async with self.database.autocommit() as connection:
            page = await records.list_batches(connection)
        if page:
            yield page

    async def _read_named(self, names: Sequence[str]) -> AsyncIterator[list[Unfinished]]:
        """Return what is unfinished of workflows with these names; what belongs to none of ours is left out."""
        ids = defaultdict[str, list[str]](list)
        for kind, _, id_ in (name.partition("/") for name in names):
            ids[kind].append(id_)
        async with self.database.autocommit() as connection:
            ids["payment"] = await records.list_payment_ids(connection, ids["payment"])
        for kind, read in READS.items():
            if ids[kind]:
                yield await self._read(read, "", ids[kind])
        if "batch" in ids or "batching" in ids:
            async with self.database.autocommit() as connection:
                found = await records.list_batches(connection)
            yield [each for each in found if each.workflow_id in names]

    async def _read(self, read: Pages, *arguments: Any) -> list[Unfinished]:
        async with self.database.autocommit() as connection:
            return await read(connection, *arguments)

    async def _is_unfinished(self, found: Unfinished) -> bool:
        """Look again: the workflow may have ended because it has done its work."""
        if found.subject is None or isinstance(found.subject, Batch):
            async with self.database.autocommit() as connection:
                return found in await records.list_batches(connection)
        read = READS[found.workflow_id.partition("/")[0]]
        return bool(await self._read(read, "", [found.id]))


def list_absent(page: Sequence[Unfinished], shown: Mapping[str, ShownWorkflow]) -> list[Unfinished]:
    """Return what has no workflow that runs, by what the server lists, which may lag behind."""
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
