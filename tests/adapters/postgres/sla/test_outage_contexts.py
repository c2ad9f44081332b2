"""What an outage is decided by is read where its row is locked, and is what stands once it is."""

import asyncio
from datetime import timedelta

from sqlalchemy import text

from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.sla import outage_contexts
from adapters.postgres.sla.outage_contexts import OutageContext
from domain.sla.outages import (
    Declaration,
    JudgeOutageInput,
    Outage,
    OutageStatus,
    RecordOutageInput,
    Resolution,
)
from domain.sla.verdicts import Severity
from services.sla.outages.judge_outage import judge_outage_within
from tests.testkit.api_client import make_unique_id, wait_until
from tests.testkit.settlement.payment_factory import ASKER, DETECTED, NOW

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


async def _lock(database: Database, outage_id: str) -> OutageContext:
    async with database.transaction() as connection:
        return await outage_contexts.lock(connection, outage_id, NOW)


async def _is_waiting(database: Database) -> bool:
    async with database.autocommit() as connection:
        return bool(await connection.scalar(_WAITING))


async def test_who_waited_for_an_outage_sees_the_verdict_that_was_recorded_meanwhile(
    database: Database,
) -> None:
    outage = Outage(make_unique_id("WAITED"), "Mast 7", Severity.CRITICAL, DETECTED)
    declaration = Declaration(outage, ASKER, "standard", "default")
    await OutageActivitiesImpl(database, "sandbox").record_outage(
        RecordOutageInput(declaration, NOW)
    )
    before = await _lock(database, outage.id)
    assert (before.status, before.judged, before.revisions) == (OutageStatus.DECLARED, None, 0)
    resolution = Resolution(ASKER, DETECTED + timedelta(minutes=25))
    judging = JudgeOutageInput(outage.id, resolution, 60, NOW, "first")
    async with database.transaction() as connection:
        judged = await judge_outage_within(connection, judging, "sandbox")
        waiting = asyncio.create_task(_lock(database, outage.id))
        await wait_until(lambda: _is_waiting(database), "somebody waits for the outage")
    seen = await waiting
    assert seen.judged == (1, judged.verdict)
    assert (seen.status, seen.version, seen.revisions) == (
        OutageStatus.DISPUTABLE,
        judged.version,
        1,
    )
    assert seen.dispute_deadline == judged.dispute_deadline
