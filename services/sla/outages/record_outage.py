"""Put a declared outage on record, bound to the policy in force when it was detected."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events, outages, policies
from adapters.postgres.database import Database
from adapters.postgres.outages import Dossier
from domain import evidence
from domain.audit import leaf
from domain.errors import Conflict
from domain.events import EventType, event
from domain.outages import Declaration, Declaring, Recorded


async def record_outage(database: Database, declaring: Declaring) -> Recorded:
    """Record an outage once; its id is refused to any other request than the first."""
    declaration, at = declaring.declaration, declaring.at
    outage, request = declaration.outage, declaration.request
    async with database.transaction() as connection:
        policy = await policies.in_force(connection, declaration.policy, outage.detected_at)
        created = await outages.add(connection, declaration, policy, at)
        if not created:
            policy = (await _known(connection, declaration)).policy
        facts = evidence.of_outage(outage, policy)
        deliveries = await events.publish(
            connection,
            leaf(f"outage/{outage.id}", "outage.declared", request, at, facts),
            event(EventType.OUTAGE_CREATED, outage.id, at, facts),
        )
    return Recorded(
        created,
        outage.fingerprint(),
        request.correlation_id,
        policy.name,
        policy.version,
        policy.dispute_window_seconds,
        policy.ruling_window_seconds,
        deliveries,
    )


async def _known(connection: AsyncConnection, declaration: Declaration) -> Dossier:
    """Refuse a declaration whose id is taken, unless this very request took it."""
    outage = declaration.outage
    known = await outages.lock(connection, outage.id)
    if known.fingerprint != outage.fingerprint():
        raise Conflict(
            f"outage {outage.id!r} was declared before with different content; use another id"
        )
    if known.correlation_id != declaration.request.correlation_id:
        raise Conflict(f"outage {outage.id!r} is recorded already")
    return known
