"""Declare an outage for a caller who is shown what is on record of it."""

from dataclasses import dataclass

from adapters.postgres.database import Database
from adapters.postgres.sla import outages
from domain.access.scopes import EVERYTHING
from domain.sla.agreements.bindings import Binding
from domain.sla.outages import (
    OutageStatus,
    RecordedOutage,
    RecordOutageInput,
    RecordOutageResult,
)
from services.sla.outages.record_outage import record_outage_within


@dataclass(frozen=True, slots=True)
class DeclaredOutage:
    """What its workflow is started with, and what is on record."""

    recorded: RecordOutageResult
    outage: RecordedOutage


async def declare_outage(database: Database, declaring: RecordOutageInput) -> DeclaredOutage:
    """
    Record an outage, unless it is on record with this very content. Raises Conflict when it is with another. What was
    written just now need not be read.
    """
    async with database.transaction() as connection:
        recorded, binding = await record_outage_within(connection, declaring)
        if binding is None:
            known = await outages.get(connection, declaring.declaration.outage.id, EVERYTHING)
            return DeclaredOutage(recorded, known)
    return DeclaredOutage(recorded, _describe_new(declaring, recorded, binding))


def _describe_new(
    declaring: RecordOutageInput, recorded: RecordOutageResult, binding: Binding
) -> RecordedOutage:
    """Return what would be read of an outage that was recorded just now."""
    return RecordedOutage(
        declaring.declaration.outage,
        OutageStatus.DECLARED,
        version=1,
        declared_at=declaring.at,
        resolved_at=None,
        dispute_deadline=None,
        closed_at=None,
        root_cause=None,
        resolution_notes=None,
        policy=recorded.policy,
        policy_version=recorded.policy_version,
        correlation_id=recorded.correlation_id,
        agreement=binding.agreement,
        agreement_version=binding.agreement_version,
        part_of=None,
        judged=None,
        attestation=None,
        parts=sorted(part.id for part in recorded.parts),
    )
