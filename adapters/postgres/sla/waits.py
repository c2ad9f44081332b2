"""What outages wait for, as far as their own rows say it; the payments' part is in settlement."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import disputes, outages, policies
from domain.reasons import WaitsFor
from domain.sla.disputes import UNDECIDED
from domain.sla.outages import OutageStatus
from domain.sla.waits import StandingOutage, bound_wait


async def list_standings(
    connection: AsyncConnection, outage_ids: Sequence[str]
) -> dict[str, StandingOutage]:
    """Return how outages stand, by their ids; whoever asks has read the ids within a scope."""
    columns = (
        *(outages.c.id, outages.c.status, outages.c.detected_at, outages.c.dispute_deadline),
        *(policies.c.dispute_window_seconds, policies.c.decision_window_seconds),
        disputes.c.decision_deadline,
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
        )
        for row in await connection.execute(wanted)
    }
