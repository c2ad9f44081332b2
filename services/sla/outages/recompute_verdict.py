"""Compute the newest verdict on an outage again, from the terms and the times on record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import outages, policies, verdicts
from domain.errors import Conflict
from domain.sla.verdicts import Severity, Verdict, compute_mttr_minutes, judge


@dataclass(frozen=True, slots=True)
class RecomputedVerdict:
    """The verdict that follows, the one on record, and the payment that is owed by it, if it is owed yet."""

    revision: int
    verdict: Verdict
    recorded: Verdict
    payment: Mapping[str, Any] | None


async def recompute_verdict(database: Database, outage_id: str) -> RecomputedVerdict:
    """Raises NotFound when there is no such outage, and Conflict when it is not judged yet."""
    async with database.autocommit() as connection:
        row = await outages.get(connection, outage_id)
        found = await verdicts.list_by_outage(connection, outage_id)
        if not found:
            raise Conflict(f"outage {outage_id!r} is {row['status']}: it is not judged yet")
        newest = found[-1]
        policy = await policies.get_version(connection, newest["policy"], newest["policy_version"])
        owed = await payments.list_by_outage(connection, outage_id)
    minutes = newest["mttr_minutes"]
    if newest["mttr_basis"] == "measured":
        minutes = compute_mttr_minutes(row["detected_at"], row["resolved_at"])
    payment = next((dict(each) for each in owed if each["id"] == newest["payment_id"]), None)
    return RecomputedVerdict(
        newest["revision"],
        judge(policy.terms[Severity(newest["severity"])], minutes),
        verdicts.to_verdict(newest),
        payment,
    )
