"""
How the facade speaks to the workflows of outages and payments: start, update, signal.

The database is the truth. A command is looked up there first, and again when its workflow refuses or does
not answer: what has been done is answered, what can never be done is refused, and only what may
still be done is asked, or is answered by "repeat it later".
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from adapters import logs
from adapters.postgres import unit_of_work
from adapters.postgres.settlement import manual_matches, payments
from api.dependencies import ANSWER_WITHIN, Engine
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict, IllegalTransition, TryAgain
from domain.settlement.manual_matches import MatchTransferRequest
from domain.settlement.payments import JudgeOutageResult
from domain.sla.disputes import Dispute, DisputeDecision, Review
from domain.sla.outages import (
    Amendment,
    AmendOutageInput,
    Cancellation,
    Declaration,
    RecordOutageInput,
    RecordOutageResult,
    ReopenOutageInput,
    ReopenRequest,
    Resolution,
    VoidDebtInput,
    VoidRequest,
)
from services.sla.declarations.declare_outage import DeclaredOutage, declare_outage
from services.sla.disputes.read_answer import read_decision, read_filing, read_review
from services.sla.outages.read_answer import (
    read_amendment,
    read_cancellation,
    read_resolution,
)
from services.sla.outages.read_reversal import read_reopening, read_void
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow
from workflows.sla.outage_starts import start_declared

log = logging.getLogger(__name__)
MATCH: Any = PaymentWorkflow.match_transfer
# A caller waits this long for those before it; then it is asked to come again.
TURN_WITHIN_SECONDS = 6.0
# Who declares an outage waits this long for the start of its workflow, which goes on without them.
START_WITHIN_SECONDS = 2.0
# The database is looked at this often while a workflow does not answer.
LOOK_EVERY_SECONDS = 2.0
# A workflow that knows less than the database has this long to catch up.
CATCH_UP_SECONDS = (0.1, 0.3, 0.6, 1.0)
# Reads the database for what a command has achieved; see services/sla/outages/read_answer.py.
Look = Callable[[], Awaitable[Any]]


async def declare(engine: Engine, declaration: Declaration) -> DeclaredOutage:
    """
    Put an outage on record, unless it is there with this very content, and start its workflow once that is
    committed: the relay starts the one that is missing.
    """
    outage = declaration.outage
    logs.bind(outage_id=outage.id)
    async with _take_turn(engine, outage.id):
        declaring = RecordOutageInput(declaration, datetime.now(UTC))
        declared = await declare_outage(engine.database, declaring)
    if declared.recorded.created:
        start = partial(_start, engine, declaration, declared.recorded)
        await unit_of_work.call_after_commit(start)
    return declared


async def _start(engine: Engine, declaration: Declaration, recorded: RecordOutageResult) -> None:
    """Start the workflow of an outage; it may take longer than its caller is made to wait."""
    starting = asyncio.create_task(_start_workflow(engine, declaration, recorded))
    engine.starts.add(starting)
    starting.add_done_callback(engine.starts.discard)
    await asyncio.wait({starting}, timeout=START_WITHIN_SECONDS)


async def _start_workflow(
    engine: Engine, declaration: Declaration, recorded: RecordOutageResult
) -> None:
    try:
        await start_declared(engine.temporal, declaration, recorded)
    except (RPCError, RuntimeError) as error:
        log.warning(
            "the workflow of outage %s is left to the relay: %s", declaration.outage.id, error
        )


async def amend(engine: Engine, outage_id: str, amendment: Amendment, update_id: str) -> None:
    amending = AmendOutageInput(outage_id, amendment, update_id, datetime.now(UTC))
    look = partial(read_amendment, engine.database, amending)
    await _ask(engine, outage_id, OutageWorkflow.amend, amendment, update_id, look)


async def resolve(
    engine: Engine, outage_id: str, resolution: Resolution, update_id: str
) -> JudgeOutageResult:
    network, now = engine.settings.stellar_network, datetime.now(UTC)
    look = partial(read_resolution, engine.database, outage_id, update_id, network, now)
    judgement: JudgeOutageResult = await _ask(
        engine, outage_id, OutageWorkflow.resolve, resolution, update_id, look
    )
    return judgement


async def cancel(
    engine: Engine, outage_id: str, cancellation: Cancellation, update_id: str
) -> None:
    look = partial(read_cancellation, engine.database, outage_id)
    await _ask(engine, outage_id, OutageWorkflow.cancel, cancellation, update_id, look)


async def reopen(engine: Engine, outage_id: str, asked: ReopenRequest, update_id: str) -> None:
    reopening = ReopenOutageInput(outage_id, asked, update_id, datetime.now(UTC))
    look = partial(read_reopening, engine.database, reopening)
    await _ask(engine, outage_id, OutageWorkflow.reopen, asked, update_id, look)


async def void(engine: Engine, outage_id: str, asked: VoidRequest, update_id: str) -> None:
    look = partial(read_void, engine.database, VoidDebtInput(outage_id, asked, datetime.now(UTC)))
    await _ask(engine, outage_id, OutageWorkflow.void, asked, update_id, look)


async def file_dispute(engine: Engine, dispute: Dispute, update_id: str) -> None:
    look = partial(read_filing, engine.database, dispute, datetime.now(UTC))
    await _ask(engine, dispute.outage_id, OutageWorkflow.file_dispute, dispute, update_id, look)


async def decide_dispute(
    engine: Engine, outage_id: str, decision: DisputeDecision, update_id: str
) -> None:
    look = partial(read_decision, engine.database, decision)
    await _ask(engine, outage_id, OutageWorkflow.decide_dispute, decision, update_id, look)


async def review_dispute(engine: Engine, outage_id: str, review: Review, update_id: str) -> None:
    look = partial(read_review, engine.database, review)
    await _ask(engine, outage_id, OutageWorkflow.review_dispute, review, update_id, look)


async def retry_payment(engine: Engine, payment_id: str) -> None:
    """Signal a payment to check again; without the signal it does so by itself in a while."""
    await unit_of_work.call_after_commit(partial(_signal_retry, engine, payment_id))


async def _signal_retry(engine: Engine, payment_id: str) -> None:
    handle = await _get_payment_handle(engine, payment_id)
    try:
        await handle.signal(PaymentWorkflow.retry, rpc_timeout=ANSWER_WITHIN)
    except RPCError as error:
        log.warning("payment %s was not notified to check again: %s", payment_id, error)


async def _get_payment_handle(engine: Engine, payment_id: str) -> Any:
    async with engine.database.autocommit() as connection:
        record = await payments.get(connection, payment_id, EVERYTHING)
    return engine.temporal.get_workflow_handle(record.payment.workflow_id)


async def match_transfer(
    engine: Engine, payment_id: str, asked: MatchTransferRequest, update_id: str
) -> None:
    """Have a payment take a transfer made out of band for itself; one that has is answered once more."""
    await unit_of_work.conclude()
    handle = await _get_payment_handle(engine, payment_id)
    try:
        await handle.execute_update(MATCH, asked, id=update_id, rpc_timeout=ANSWER_WITHIN)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        await _explain_payment(engine, payment_id, asked)


async def _explain_payment(engine: Engine, payment_id: str, asked: MatchTransferRequest) -> None:
    """Answer for a payment without a workflow from the database: it was made, matched, or needs a person."""
    async with engine.database.autocommit() as connection:
        record = await payments.get(connection, payment_id, EVERYTHING)
        matched = await manual_matches.get(connection, payment_id, EVERYTHING)
    if record.transaction_hash is None:
        raise Conflict(
            f"payment {payment_id} is {record.status}, and its workflow {record.payment.workflow_id} does not "
            "run: repeat the request in a moment; if somebody terminated the workflow, start it again first"
        )
    if matched is None or record.transaction_hash != asked.transaction_hash:
        raise Conflict(f"payment {payment_id} is confirmed by {record.transaction_hash}")


@asynccontextmanager
async def _take_turn(engine: Engine, outage_id: str) -> AsyncIterator[None]:
    """Wait until nobody else asks the same outage: of many that want the same the first decides for all."""
    turn = engine.turns.setdefault(outage_id, asyncio.Lock())
    try:
        async with asyncio.timeout(TURN_WITHIN_SECONDS):
            await turn.acquire()
    except TimeoutError:
        raise TryAgain(f"outage {outage_id!r} is busy; repeat the request in a moment") from None
    try:
        yield
    finally:
        turn.release()


async def _ask(
    engine: Engine, outage_id: str, update: Any, message: Any, update_id: str, look: Look
) -> Any:
    """Ask an outage to change, unless the database has the answer; `look` reads it there."""
    logs.bind(outage_id=outage_id)
    await unit_of_work.conclude()
    try:
        async with _take_turn(engine, outage_id):
            if (answer := await look()) is not None:
                return answer
            return await _ask_workflow(engine, outage_id, update, message, update_id, look)
    except TryAgain:
        if (answer := await look()) is not None:
            return answer
        raise


async def _ask_workflow(
    engine: Engine, outage_id: str, update: Any, message: Any, update_id: str, look: Look
) -> Any:
    """Ask the workflow. One that refuses what the database allows knows less, and is asked again."""
    handle: Any = engine.temporal.get_workflow_handle(f"outage/{outage_id}")
    said = "is behind"
    for pause in CATCH_UP_SECONDS:
        asked = asyncio.create_task(
            handle.execute_update(update, message, id=update_id, rpc_timeout=ANSWER_WITHIN)
        )
        try:
            return await _await_answer(asked, look)
        except WorkflowUpdateFailedError as error:
            if not _is_conflict(error):
                raise
            said = f"refuses it: {getattr(error.cause, 'message', error.cause)}"
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        if (answer := await look()) is not None:
            return answer
        with suppress(RPCError):
            await handle.signal(OutageWorkflow.catch_up, rpc_timeout=ANSWER_WITHIN)
        await asyncio.sleep(pause)
    raise TryAgain(f"the workflow of outage {outage_id!r} {said}; repeat the request in a moment")


async def _await_answer(asked: "asyncio.Task[Any]", look: Look) -> Any:
    """Wait for the workflow's answer, and look whether the database has it while there is none."""
    try:
        while not (await asyncio.wait({asked}, timeout=LOOK_EVERY_SECONDS))[0]:
            if (answer := await look()) is not None:
                return answer
        return asked.result()
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        if (answer := await look()) is not None:
            return answer
        raise
    finally:
        asked.add_done_callback(lambda task: task.cancelled() or task.exception())
        asked.cancel()


def _is_conflict(error: WorkflowUpdateFailedError) -> bool:
    kinds = (Conflict.code, IllegalTransition.code)
    return isinstance(error.cause, ApplicationError) and error.cause.type in kinds
