"""
Read from what is on record how a command must be answered that takes a verdict back: by reopening the
outage, or by voiding what it owes. As in read_answer.py.
"""

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.settlement.approvals import MAKER_ACTIONS
from adapters.postgres.sla import outages, verdicts
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry
from domain.settlement.approvals import check_unsigned, check_voider
from domain.settlement.payments import PaymentStatus
from domain.sla import outage_rules
from domain.sla.agreements.parts import check_whole
from domain.sla.outages import (
    CloseOutageResult,
    OutageStatus,
    ReopenOutageInput,
    VoidDebtInput,
)
from services.settlement.voids.void_debt import check_unpaid_within


async def read_reopening(
    database: Database, reopening: ReopenOutageInput
) -> CloseOutageResult | None:
    """Return the version of the outage, when this reopening is on record."""
    outage_id, by, at = reopening.outage_id, reopening.asked.request, reopening.at
    entry = make_audit_entry(f"outage/{outage_id}", "outage.reopened", by, at, {}, reopening.key)
    async with database.autocommit() as connection:
        record = await outages.get(connection, outage_id, EVERYTHING)
        if await audit.is_recorded(connection, entry.id):
            return CloseOutageResult(outage_id, record.version)
        parts = [await outages.get(connection, each, EVERYTHING) for each in record.parts or ()]
    check_whole(outage_id, record.part_of)
    for each in (record, *parts):
        status, deadline = each.status, each.dispute_deadline
        outage_rules.check_reopenable(each.outage.id, status, deadline, at)
    return None


async def read_void(database: Database, voiding: VoidDebtInput) -> CloseOutageResult | None:
    """An outage whose debt is voided is as the caller wants it, whoever has voided it."""
    outage_id = voiding.outage_id
    async with database.autocommit() as connection:
        record = await outages.get(connection, outage_id, EVERYTHING)
        if record.status is OutageStatus.VOIDED:
            return CloseOutageResult(outage_id, record.version)
        outage_rules.check_voidable(outage_id, record.status)
        trail = await audit.read_trail(connection, f"outage/{outage_id}")
        makers = {entry["actor"] for entry in trail if entry["action"] in MAKER_ACTIONS}
        check_voider(voiding.asked.request.actor, makers)
        treasury = ""  # what is not owed yet is checked by whoever voids it
        for owed in await payments.list_by_outage(connection, outage_id):
            treasury = owed.payment.from_address
            if owed.status is not PaymentStatus.VOIDED:
                check_unsigned(owed.payment, owed.status, in_attempt=False)
        judged = await verdicts.list_by_outage(connection, outage_id)
        if judged and (owed_id := judged[-1].payment_id) is not None:
            await check_unpaid_within(connection, outage_id, owed_id, treasury)
    return None
