"""Put a declared outage on record, bound to the policy in force when it was detected."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import outages, policies
from adapters.postgres.sla.outages import OutageContext
from domain import payloads
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.events import EventType, make_event
from domain.sla.outages import Declaration, RecordOutageInput, RecordOutageResult


async def record_outage(database: Database, declaring: RecordOutageInput) -> RecordOutageResult:
    """Record an outage once; its id is refused to any other request than the first."""
    declaration, at = declaring.declaration, declaring.at
    outage, request = declaration.outage, declaration.request
    async with database.transaction() as connection:
        policy = await policies.get_in_force(connection, declaration.policy, outage.detected_at)
        created = await outages.add(connection, declaration, policy, at)
        if not created:
            policy = (await _get_recorded(connection, declaration)).policy
        payload = payloads.describe_declaration(declaration, policy)
        deliveries = await events.publish(
            connection,
            make_audit_entry(f"outage/{outage.id}", "outage.declared", request, at, payload),
            make_event(EventType.OUTAGE_CREATED, outage.id, at, payload),
        )
    return RecordOutageResult(
        created,
        declaration.fingerprint,
        request.correlation_id,
        policy.name,
        policy.version,
        policy.dispute_window_seconds,
        policy.decision_window_seconds,
        deliveries,
    )


async def _get_recorded(connection: AsyncConnection, declaration: Declaration) -> OutageContext:
    """Refuse a declaration whose id is taken, unless this very request took it."""
    outage = declaration.outage
    known = await outages.lock(connection, outage.id)
    if known.fingerprint != declaration.fingerprint:
        raise Conflict(
            f"outage {outage.id!r} was declared before with different content; use another id"
        )
    if known.correlation_id != declaration.request.correlation_id:
        raise Conflict(f"outage {outage.id!r} is recorded already")
    return known
