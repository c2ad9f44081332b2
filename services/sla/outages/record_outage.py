"""Put a declared outage on record, bound to its agreements and policies as of when it was detected."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import outage_contexts, outages
from adapters.postgres.sla.agreements.parts import list_parts
from adapters.postgres.sla.bulk.outage_rows import make_recording
from domain import payloads
from domain.audit import AuditEntry, make_audit_entry
from domain.errors import Conflict, Invalid
from domain.events import Event, EventType, make_event
from domain.sla.agreements.bindings import Binding
from domain.sla.agreements.parts import OutagePart, is_part, make_part_id
from domain.sla.outages import Declaration, RecordOutageInput, RecordOutageResult
from domain.sla.policies import Policy
from services.sla.agreements.read_bindings import bind_outage_within


async def record_outage(database: Database, declaring: RecordOutageInput) -> RecordOutageResult:
    """
    Record an outage once, with its parts; its id is refused to a declaration of other content than the
    first. A part is recorded with the outage it is of, and only read here.
    """
    async with database.transaction() as connection:
        recorded, _ = await record_outage_within(connection, declaring)
    return recorded


async def record_outage_within(
    connection: AsyncConnection, declaring: RecordOutageInput
) -> tuple[RecordOutageResult, Binding | None]:
    """Record an outage together with what else the caller writes; return what it is bound to, if it is new."""
    declaration = declaring.declaration
    if is_part(declaration.outage.id):
        return await _read_recorded(connection, declaration), None
    try:
        bindings = await bind_outage_within(connection, declaration)
    except Invalid:
        # Agreements may have changed since this very outage was recorded.
        if await outages.find_fingerprint(connection, declaration.outage.id) is None:
            raise
        return await _read_recorded(connection, declaration), None
    first, *others = bindings
    bound = replace(declaration, agreement=first.agreement)
    if not await _add(connection, bound, first, declaring.at):
        return await _read_recorded(connection, declaration), None
    parts = [await _add_part(connection, declaration, each, declaring.at) for each in others]
    correlation_id = declaration.request.correlation_id
    return make_result(bound, correlation_id, first.policy, parts, created=True), first


async def _add(
    connection: AsyncConnection,
    declaration: Declaration,
    bound: Binding,
    at: datetime,
    part_of: str | None = None,
) -> bool:
    """Add a row with its audit entry and event; False when it is there."""
    entry, event = describe_recording(declaration, bound, at, part_of)
    recording = make_recording(declaration, bound, at, part_of)
    return await events.change(connection, recording, [(entry, [event])]) is not None


def describe_recording(
    declaration: Declaration, bound: Binding, at: datetime, part_of: str | None = None
) -> tuple[AuditEntry, Event]:
    """Return the audit entry and the event of an outage that is put on record."""
    payload = payloads.describe_declaration(
        declaration, bound.agreement_version, bound.policy, part_of
    )
    outage_id = declaration.outage.id
    return (
        make_audit_entry(
            f"outage/{outage_id}", "outage.declared", declaration.request, at, payload
        ),
        make_event(EventType.OUTAGE_CREATED, outage_id, at, payload),
    )


def make_part(whole: Declaration, bound: Binding) -> Declaration:
    """Return the declaration of an outage's part under a further agreement."""
    outage = replace(whole.outage, id=make_part_id(whole.outage.id, bound.agreement))
    return Declaration(outage, whole.request, bound.policy.name, bound.agreement)


async def _add_part(
    connection: AsyncConnection, whole: Declaration, bound: Binding, at: datetime
) -> OutagePart:
    """Add the same outage under a further agreement."""
    declaration = make_part(whole, bound)
    await _add(connection, declaration, bound, at, whole.outage.id)
    return OutagePart(
        declaration.outage.id, bound.agreement, bound.policy.name, declaration.fingerprint
    )


async def _read_recorded(
    connection: AsyncConnection, declaration: Declaration
) -> RecordOutageResult:
    """Read back an outage that is on record: a workflow that begins again goes on from there."""
    outage_id = declaration.outage.id
    known = await outage_contexts.lock(connection, outage_id)
    if known.fingerprint != declaration.fingerprint:
        raise Conflict(
            f"outage {outage_id!r} was declared before with different content; use another id"
        )
    parts = await list_parts(connection, outage_id) if known.parts else []
    return make_result(declaration, known.correlation_id, known.policy, parts, created=False)


def make_result(
    declaration: Declaration,
    correlation_id: str,
    policy: Policy,
    parts: list[OutagePart],
    *,
    created: bool,
) -> RecordOutageResult:
    """Return what the workflow of an outage is told of its record."""
    return RecordOutageResult(
        created,
        declaration.fingerprint,
        correlation_id,
        policy.name,
        policy.version,
        policy.dispute_window_seconds,
        policy.decision_window_seconds,
        parts,
    )
