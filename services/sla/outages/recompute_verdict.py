"""Compute the newest verdict on an outage again, from the terms and the times on record."""

from dataclasses import dataclass

from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import outages, policies, verdicts
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict
from domain.settlement.payments import PaymentRecord
from domain.sla.verdicts import Verdict, recompute


@dataclass(frozen=True, slots=True)
class RecomputedVerdict:
    """The verdict that follows, the one on record, and the payment that is owed by it, if it is owed yet."""

    revision: int
    verdict: Verdict
    recorded: Verdict
    payment: PaymentRecord | None


async def recompute_verdict(database: Database, outage_id: str) -> RecomputedVerdict:
    """Raises NotFound when there is no such outage, and Conflict when it is not judged yet."""
    async with database.autocommit() as connection:
        recorded = await outages.get(connection, outage_id, EVERYTHING)
        found = await verdicts.list_by_outage(connection, outage_id)
        if recorded.judged is None:
            raise Conflict(f"outage {outage_id!r} is {recorded.status}: it is not judged yet")
        newest = found[-1]
        policy = await policies.get_version(connection, newest.policy, newest.policy_version)
        owed = await payments.list_by_outage(connection, outage_id)
    return RecomputedVerdict(
        newest.revision,
        recompute(
            newest, policy.terms[newest.severity], recorded.outage.detected_at, recorded.resolved_at
        ),
        newest.verdict,
        next((each for each in owed if each.payment.id == newest.payment_id), None),
    )
