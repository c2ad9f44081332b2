"""Take a dispute up: record the one person who reviews it."""

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import disputes, outage_contexts, outages
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.sla.disputes import ReviewDisputeInput


async def review_dispute(database: Database, reviewing: ReviewDisputeInput) -> int:
    """
    Record who reviews the dispute, and return the version of the outage; asked again by the same
    person it changes nothing.

    Raises Conflict when somebody else reviews it, or when it is not open.
    """
    dispute_id, by, at = reviewing.review.dispute_id, reviewing.review.request, reviewing.at
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, reviewing.outage_id)
        if not await disputes.start_review(connection, dispute_id, by.actor, at):
            known = await disputes.get(connection, dispute_id, EVERYTHING)
            if known.reviewed_by != by.actor:
                raise Conflict(
                    f"dispute {dispute_id} is under review by {known.reviewed_by} already"
                )
            return context.version
        payload = {"dispute_id": dispute_id, "reviewed_by": by.actor}
        subject = f"outage/{reviewing.outage_id}"
        await events.publish(
            connection,
            make_audit_entry(subject, "dispute.review_began", by, at, payload, dispute_id),
        )
        return await outages.advance(connection, reviewing.outage_id)
