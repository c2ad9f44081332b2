"""Put a declared outage on record, bound to the policy in force when it was detected."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events, webhooks
from adapters.postgres.database import Database
from adapters.postgres.sla import outages, policies
from adapters.postgres.sla.agreements import agreements
from domain import payloads
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.events import EventType, derive_event_id, make_event
from domain.sla.outages import Declaration, RecordOutageInput, RecordOutageResult
from domain.sla.policies import Policy


async def record_outage(database: Database, declaring: RecordOutageInput) -> RecordOutageResult:
    """Record an outage once; its id is refused to a declaration of other content than the first."""
    declaration, at = declaring.declaration, declaring.at
    outage, request = declaration.outage, declaration.request
    async with database.transaction() as connection:
        policy = await policies.get_in_force(connection, declaration.policy, outage.detected_at)
        bound = await agreements.get_in_force(connection, declaration.agreement, outage.detected_at)
        created = await outages.add(connection, declaration, bound, policy, at)
        if not created:
            return await _read_recorded(connection, declaration)
        payload = payloads.describe_declaration(declaration, policy)
        deliveries = await events.publish(
            connection,
            make_audit_entry(f"outage/{outage.id}", "outage.declared", request, at, payload),
            make_event(EventType.OUTAGE_CREATED, outage.id, at, payload),
        )
    return _make_result(declaration, request.correlation_id, policy, deliveries, created=True)


async def _read_recorded(
    connection: AsyncConnection, declaration: Declaration
) -> RecordOutageResult:
    """Read back an outage that is on record: a workflow that begins again goes on from there."""
    outage_id = declaration.outage.id
    known = await outages.lock(connection, outage_id)
    if known.fingerprint != declaration.fingerprint:
        raise Conflict(
            f"outage {outage_id!r} was declared before with different content; use another id"
        )
    created = derive_event_id(EventType.OUTAGE_CREATED, outage_id)
    deliveries = await webhooks.find_deliveries(connection, created)
    return _make_result(declaration, known.correlation_id, known.policy, deliveries, created=False)


def _make_result(
    declaration: Declaration,
    correlation_id: str,
    policy: Policy,
    deliveries: list[str],
    *,
    created: bool,
) -> RecordOutageResult:
    return RecordOutageResult(
        created,
        declaration.fingerprint,
        correlation_id,
        policy.name,
        policy.version,
        policy.dispute_window_seconds,
        policy.decision_window_seconds,
        deliveries,
    )
