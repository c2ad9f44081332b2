"""How the facade speaks to the workflows of outages and payments: start, update, signal."""

import logging
from contextlib import suppress
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from adapters import logs
from adapters.postgres.settlement import manual_matches, payments
from adapters.postgres.sla import outages
from api.dependencies import ANSWER_WITHIN, Engine
from domain.errors import Conflict
from domain.settlement.manual_matches import MatchTransferRequest
from domain.settlement.payments import JudgeOutageResult
from domain.sla.disputes import (
    Dispute,
    DisputeDecision,
    FileDisputeResult,
    Review,
)
from domain.sla.outages import (
    Amendment,
    Cancellation,
    Declaration,
    OutageStatus,
    RecordOutageResult,
    Resolution,
)
from workflows import search_attributes
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow

log = logging.getLogger(__name__)
# The SDK's types know asynchronous updates of a handle only, not of a start.
DECLARED: Any = OutageWorkflow.await_recorded
MATCH: Any = PaymentWorkflow.adopt
Handle = WorkflowHandle[OutageWorkflow, OutageStatus | None]


async def declare(engine: Engine, declaration: Declaration) -> RecordOutageResult | None:
    """Start the handle of an outage; None when it has lived already, with this very content."""
    outage = declaration.outage
    logs.bind(outage_id=outage.id)
    start = WithStartWorkflowOperation(
        OutageWorkflow.run,
        declaration,
        id=f"outage/{outage.id}",
        task_queue="outages",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=search_attributes.at_start(outage),
        static_summary=f"{outage.severity} outage at {outage.site_name}"[:200],
    )
    try:
        recorded: RecordOutageResult = await engine.temporal.execute_update_with_start_workflow(
            DECLARED,
            declaration.fingerprint,
            start_workflow_operation=start,
            id=declaration.request.correlation_id,
            rpc_timeout=ANSWER_WITHIN,
        )
        return recorded
    except WorkflowAlreadyStartedError:
        with suppress(WorkflowAlreadyStartedError):
            await start.workflow_handle()  # the SDK keeps the same error there, unread
    async with engine.database.autocommit() as connection:
        row = await outages.get(connection, outage.id)
    if row["fingerprint"] != declaration.fingerprint:
        raise Conflict(
            f"outage {outage.id!r} was declared before with different content; use another id"
        )
    return None


async def amend(engine: Engine, outage_id: str, amendment: Amendment, update_id: str) -> None:
    await _ask(engine, outage_id, OutageWorkflow.amend, amendment, update_id)


async def resolve(
    engine: Engine, outage_id: str, resolution: Resolution, update_id: str
) -> JudgeOutageResult:
    judgement: JudgeOutageResult = await _ask(
        engine, outage_id, OutageWorkflow.resolve, resolution, update_id
    )
    return judgement


async def file_dispute(engine: Engine, dispute: Dispute, update_id: str) -> FileDisputeResult:
    filed: FileDisputeResult = await _ask(
        engine, dispute.outage_id, OutageWorkflow.file_dispute, dispute, update_id
    )
    return filed


async def decide_dispute(
    engine: Engine, outage_id: str, decision: DisputeDecision, update_id: str
) -> JudgeOutageResult:
    judgement: JudgeOutageResult = await _ask(
        engine, outage_id, OutageWorkflow.decide_dispute, decision, update_id
    )
    return judgement


async def review_dispute(engine: Engine, outage_id: str, review: Review, update_id: str) -> None:
    await _ask(engine, outage_id, OutageWorkflow.review_dispute, review, update_id)


async def cancel(engine: Engine, outage_id: str, cancellation: Cancellation) -> None:
    try:
        await _get_handle(engine.temporal, outage_id).signal(OutageWorkflow.cancel, cancellation)
    except RPCError as error:
        await _explain(engine, outage_id, error)


async def retry_payment(engine: Engine, payment_id: str) -> None:
    """Signal a payment to check again; without the signal it does so by itself in a while."""
    handle = engine.temporal.get_workflow_handle(f"payment/{payment_id}")
    try:
        await handle.signal(PaymentWorkflow.retry, rpc_timeout=ANSWER_WITHIN)
    except RPCError as error:
        log.warning("payment %s was not notified to check again: %s", payment_id, error)


async def match_transfer(
    engine: Engine, payment_id: str, asked: MatchTransferRequest, update_id: str
) -> None:
    """Have a payment take a transfer made out of band for itself; one that has is answered once more."""
    handle = engine.temporal.get_workflow_handle(f"payment/{payment_id}")
    try:
        await handle.execute_update(MATCH, asked, id=update_id, rpc_timeout=ANSWER_WITHIN)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        await _explain_payment(engine, payment_id, asked)


async def _explain_payment(engine: Engine, payment_id: str, asked: MatchTransferRequest) -> None:
    """Answer for a payment without a workflow from the database: it was made, matched, or needs a person."""
    async with engine.database.autocommit() as connection:
        row = await payments.get(connection, payment_id)
        matched = await manual_matches.get(connection, payment_id)
    if row["transaction_hash"] is None:
        raise Conflict(
            f"payment {payment_id} is {row['status']}, and its workflow payment/{payment_id} does not "
            "run: repeat the request in a moment; if somebody terminated the workflow, start it again first"
        )
    if matched is None or row["transaction_hash"] != asked.transaction_hash:
        raise Conflict(f"payment {payment_id} is confirmed by {row['transaction_hash']}")


async def _ask(engine: Engine, outage_id: str, update: Any, message: Any, update_id: str) -> Any:
    """Ask an outage's handle to change, and wait for its answer."""
    logs.bind(outage_id=outage_id)
    try:
        return await _get_handle(engine.temporal, outage_id).execute_update(
            update, message, id=update_id, rpc_timeout=ANSWER_WITHIN
        )
    except RPCError as error:
        await _explain(engine, outage_id, error)


async def _explain(engine: Engine, outage_id: str, error: RPCError) -> None:
    """Answer for an outage without a workflow from the database: it was never declared, or it has ended."""
    if error.status is not RPCStatusCode.NOT_FOUND:
        raise error
    async with engine.database.autocommit() as connection:
        row = await outages.get(connection, outage_id)
    window = row["dispute_deadline"]
    past = f", its dispute window closed at {window.isoformat()}" if window else ""
    raise Conflict(f"outage {outage_id!r} is {row['status']}{past}; it can no longer be changed")


def _get_handle(temporal: Client, outage_id: str) -> Handle:
    return temporal.get_workflow_handle(f"outage/{outage_id}")
