"""
Read from what is on record how a command about a dispute must be answered.

Each returns the answer, when this very request has been carried out; None, when it may still be; and
raises Conflict when it can never be.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.sla import disputes, outages
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict, NotFound
from domain.sla import outage_rules
from domain.sla.disputes import (
    UNDECIDED,
    Dispute,
    DisputeDecision,
    DisputeRecord,
    DisputeStatus,
    Review,
    check_decider,
    check_withdrawal,
    is_same_decision,
)

# Their actors are the makers of a verdict.
MAKER_ACTIONS = {"outage.declared", "outage.judged"}


async def read_filing(database: Database, dispute: Dispute, now: datetime) -> DisputeRecord | None:
    async with database.autocommit() as connection:
        record = await outages.get(connection, dispute.outage_id, EVERYTHING)
        try:
            return await disputes.get(connection, dispute.id, EVERYTHING)
        except NotFound:
            outage_rules.check_settled_here(
                record.outage.id, settled_elsewhere=record.settled_elsewhere
            )
            status, deadline = record.status, record.dispute_deadline
            outage_rules.check_disputable(dispute.outage_id, status, deadline, now)
            return None


async def read_review(database: Database, review: Review) -> DisputeRecord | None:
    async with database.autocommit() as connection:
        known = await disputes.get(connection, review.dispute_id, EVERYTHING)
        if known.status is DisputeStatus.OPEN:
            check_decider(review.request.actor, await _find_makers(connection, known))
            return None
    if known.status is DisputeStatus.UNDER_REVIEW and known.reviewed_by == review.request.actor:
        return known
    by = f" by {known.reviewed_by}" if known.status is DisputeStatus.UNDER_REVIEW else ""
    raise Conflict(f"{known.describe_decision()}{by}")


async def read_decision(database: Database, decision: DisputeDecision) -> DisputeRecord | None:
    async with database.autocommit() as connection:
        known = await disputes.get(connection, decision.dispute_id, EVERYTHING)
        check_withdrawal(known, decision)
        if known.status in UNDECIDED:
            if not decision.withdrawn:
                check_decider(decision.request.actor, await _find_makers(connection, known))
            return None
    if not is_same_decision(known, decision):
        raise Conflict(known.describe_decision())
    return known


async def _find_makers(connection: AsyncConnection, dispute: DisputeRecord) -> set[str]:
    """Return who filed a dispute, who made the verdict that it is about, and who is behind a source of alerts."""
    trail = await audit.read_trail(connection, f"outage/{dispute.outage_id}")
    made = {entry["actor"] for entry in trail if _makes_verdict(entry)}
    if sources := [maker for maker in made if maker.startswith("source/")]:
        for subject in (*sources, f"episode/{dispute.outage_id}"):
            made |= {entry["actor"] for entry in await audit.read_trail(connection, subject)}
    return made | {dispute.filed_by}


def _makes_verdict(entry: Mapping[str, Any]) -> bool:
    """Whether a verdict follows from a step: of corrections, those of the severity alone."""
    corrects = entry["action"] == "outage.amended" and "severity" in entry["evidence"]
    return corrects or entry["action"] in MAKER_ACTIONS
