"""What outages wait for, as far as their own rows say it; the payments' part is in settlement."""

from collections.abc import Sequence

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import attestations, disputes, outages, policies, sla_results
from domain.reasons import WaitsFor
from domain.sla.attestations import AttestationStatus
from domain.sla.disputes import UNDECIDED
from domain.sla.outages import OutageStatus
from domain.sla.waits import StandingOutage, bound_wait

_NEWEST = (
    select(func.max(sla_results.c.revision))
    .where(sla_results.c.outage_id == outages.c.id)
    .scalar_subquery()
)
_HALTED = exists().where(
    attestations.c.outage_id == outages.c.id,
    attestations.c.revision == _NEWEST,
    attestations.c.status == AttestationStatus.HALTED,
)


async def list_standings(
    connection: AsyncConnection, outage_ids: Sequence[str]
) -> dict[str, StandingOutage]:
    """Return how outages stand, by their ids; whoever asks has read the ids within a scope."""
    columns = (
        *(outages.c.id, outages.c.status, outages.c.detected_at, outages.c.dispute_deadline),
        *(policies.c.dispute_window_seconds, policies.c.decision_window_seconds),
        disputes.c.decision_deadline,
        _HALTED.label("is_halted"),
    )
    bound = (policies.c.name == outages.c.policy) & (policies.c.version == outages.c.policy_version)
    # There is at most one of these for each outage.
    undecided = (disputes.c.outage_id == outages.c.id) & disputes.c.status.in_(UNDECIDED)
    beside = outages.join(policies, bound).outerjoin(disputes, undecided)
    wanted = select(*columns).select_from(beside).where(outages.c.id.in_(outage_ids))
    return {
        row.id: StandingOutage(
            OutageStatus(row.status),
            row.detected_at,
            row.dispute_deadline
            and bound_wait(WaitsFor.WINDOW, row.dispute_deadline, row.dispute_window_seconds),
            row.decision_deadline
            and bound_wait(WaitsFor.DECISION, row.decision_deadline, row.decision_window_seconds),
            None,
            row.is_halted,
        )
        for row in await connection.execute(wanted)
    }
