"""
Read from what is on record how a command about an outage must be answered.

Each returns the answer, when this very request has been carried out; None, when it may still be; and
raises Conflict when it can never be.
"""

from datetime import datetime

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.sla import outage_contexts, outages, verdicts
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.settlement.payments import JudgeOutageResult
from domain.sla import outage_rules
from domain.sla.agreements.parts import check_whole
from domain.sla.outages import (
    AmendOutageInput,
    CloseOutageResult,
    Declaration,
    OutageStatus,
)
from services.sla.agreements.check_amendment import check_same_agreements_within
from services.sla.outages.judge_outage import read_judgement_within


async def read_declaration(database: Database, declaration: Declaration) -> bool:
    """Return whether an outage is on record with this very content; Conflict when with another."""
    outage_id = declaration.outage.id
    async with database.autocommit() as connection:
        known = await outages.find_fingerprint(connection, outage_id)
    if known is not None and known != declaration.fingerprint:
        raise Conflict(
            f"outage {outage_id!r} was declared before with different content; use another id"
        )
    return known is not None


async def read_amendment(database: Database, amending: AmendOutageInput) -> int | None:
    """Return the version of the outage, when this correction is on record."""
    outage_id, request = amending.outage_id, amending.amendment.request
    entry = make_audit_entry(
        f"outage/{outage_id}", "outage.amended", request, amending.at, {}, amending.key
    )
    async with database.autocommit() as connection:
        record = await outages.get(connection, outage_id, EVERYTHING)
        if await audit.is_recorded(connection, entry.id):
            return record.version
        check_whole(outage_id, record.part_of)
        outage_rules.check_settled_here(outage_id, settled_elsewhere=record.settled_elsewhere)
        await check_same_agreements_within(connection, outage_id, amending.amendment.changes)
    outage_rules.check_amendable(outage_id, record.status, amending.amendment.changes)
    return None


async def read_resolution(
    database: Database, outage_id: str, key: str, network: str, at: datetime
) -> JudgeOutageResult | None:
    """Return the judgement that this request brought about."""
    async with database.autocommit() as connection:
        status, part_of, resolved_by = await verdicts.get_resolution(connection, outage_id)
    if (resolved_by or "") == key and (
        judgement := await _read_judgement(database, outage_id, key, network, at)
    ):
        return judgement
    check_whole(outage_id, part_of)
    outage_rules.check_resolvable(outage_id, status)
    return None


async def _read_judgement(
    database: Database, outage_id: str, key: str, network: str, at: datetime
) -> JudgeOutageResult | None:
    """Return the verdict that a request brought about, if it still stands."""
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, outage_id)
        if context.judged is None or (context.resolution_key or "") != key:
            return None
        return await read_judgement_within(connection, context, network, at)


async def read_cancellation(database: Database, outage_id: str) -> CloseOutageResult | None:
    """An outage that is cancelled is as the caller wants it, whoever has cancelled it."""
    async with database.autocommit() as connection:
        record = await outages.get(connection, outage_id, EVERYTHING)
    check_whole(outage_id, record.part_of)
    if record.status is OutageStatus.CANCELLED:
        return CloseOutageResult(outage_id, record.version)
    outage_rules.check_cancellable(outage_id, record.status)
    return None
