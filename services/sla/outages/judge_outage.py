"""Judge a resolved outage: the verdict, what it will owe, and the dispute window."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import attestations, outage_contexts, outages
from adapters.postgres.sla.judgements import make_judgement
from adapters.postgres.sla.outage_contexts import OutageContext
from domain.errors import TryAgain
from domain.settlement.payments import JudgeOutageResult
from domain.sla.outages import JudgeOutageInput, OutageStatus
from services.sla.judgements.decide_judgement import (
    check_judgeable,
    decide_judgement,
    make_part_input,
)


async def judge_outage(
    database: Database, judging: JudgeOutageInput, network: str, *, requires_attestation: bool
) -> JudgeOutageResult:
    """
    Judge once; the same request asked again returns the recorded verdict. `network` is the name of the Stellar
    network, from which the id of the payment derives. With `requires_attestation` the verdict waits for the
    contract. Raises Conflict when another request has resolved the outage.
    """
    async with database.transaction() as connection:
        return await judge_outage_within(
            connection, judging, network, requires_attestation=requires_attestation
        )


async def judge_outage_within(
    connection: AsyncConnection,
    judging: JudgeOutageInput,
    network: str,
    *,
    requires_attestation: bool = False,
) -> JudgeOutageResult:
    """Judge an outage and its parts together with what else the caller writes."""
    context = await outage_contexts.lock(connection, judging.outage_id, judging.at)
    if not check_judgeable(context, judging):
        return await read_judgement_within(connection, context, network, judging.at)
    judgement = await _judge(
        connection, context, judging, network, requires_attestation=requires_attestation
    )
    for part_id in context.parts:
        part = await outage_contexts.lock(connection, part_id, judging.at)
        if (its_own := make_part_input(judging, part)) is not None:
            await _judge(
                connection, part, its_own, network, requires_attestation=requires_attestation
            )
    return judgement


async def _judge(
    connection: AsyncConnection,
    context: OutageContext,
    judging: JudgeOutageInput,
    network: str,
    *,
    requires_attestation: bool,
) -> JudgeOutageResult:
    decided = decide_judgement(context, judging, network, requires_attestation=requires_attestation)
    outage_id, result = context.outage.id, decided.result
    judged = await journal.change(
        connection,
        make_judgement(decided.verdict, decided.resolved),
        [decided.accrual],
        events.make_consequence([(decided.entry, decided.events)]),
    )
    if judged is None:  # which is refused here
        await outages.require(connection, outage_id, OutageStatus.DISPUTABLE)
        raise TryAgain(f"outage {outage_id!r} was judged by another process meanwhile")
    if result.attest:
        await attestations.require_attestations(
            connection, [(outage_id, result.revision)], judging.at
        )
    return replace(result, version=judged["version"])


async def read_judgement_within(
    connection: AsyncConnection, context: OutageContext, network: str, at: datetime
) -> JudgeOutageResult:
    """Read back a judgement that is on record: it stands."""
    assert context.judged is not None
    assert context.resolved_at is not None
    assert context.dispute_deadline is not None
    outage_id, (revision, verdict) = context.outage.id, context.judged
    ended, deadline = context.resolved_at, context.dispute_deadline
    attest = await attestations.is_required(connection, outage_id, revision)
    debt = await payments.preview_payment(connection, network, context, revision, verdict, at)
    return JudgeOutageResult(
        outage_id, revision, verdict, debt, ended, deadline, attest, context.version
    )
