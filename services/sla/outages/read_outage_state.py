"""Read all that is on record of an outage, for a workflow that goes on from there."""

from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.settlement.listings import payments
from adapters.postgres.sla import attestations, disputes, outage_contexts
from domain.settlement.payments import OutageState
from domain.sla.disputes import UNDECIDED, FileDisputeResult
from services.sla.outages.judge_outage import read_judgement_within


async def read_outage_state(
    database: Database, outage_id: str, network: str, at: datetime
) -> OutageState:
    """Return how an outage stands, read while nobody changes it. Raises NotFound."""
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, outage_id)
        dispute = await disputes.find_newest(connection, outage_id)
        judgement, halted = None, ""
        if context.judged is not None:
            judgement = await read_judgement_within(connection, context, network, at)
            revision = judgement.revision
            halted = await attestations.find_problem(connection, outage_id, revision)
        stopped = await payments.find_waits(connection, [outage_id], at)
    filed = None
    if dispute is not None:
        filed = FileDisputeResult(dispute.id, dispute.decision_deadline, context.version)
    return OutageState(
        context.outage,
        context.status,
        context.version,
        judgement,
        filed,
        dispute is not None and dispute.status not in UNDECIDED,
        stopped.get(outage_id),
        halted,
    )
