"""Verdicts that want the SLA contract's word, and the steps that ask for it, on the real chain."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from activities.attestations import AttestationActivities
from activities.outages import OutageActivities
from adapters.postgres.database import Database
from domain.attestations import Attestation, Call, CallStatus, Concluding
from domain.outages import Declaration, Declaring, Judging, Outage, Request, Resolution
from domain.sla import Severity
from tests.support import unique

ASKER = Request("tester", "corr-attests")
DETECTED = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


async def judged(database: Database, minutes: int = 25, *, attests: bool = True) -> Attestation:
    """Judge an outage whose verdict wants the contract's word."""
    outage_id = unique("WORD")
    outages = OutageActivities(database, "sandbox", attests=attests)
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    declaration = Declaration(outage, ASKER, "standard", "default")
    await outages.record_outage(Declaring(declaration, NOW))
    resolution = Resolution(ASKER, DETECTED + timedelta(minutes=minutes))
    judging = Judging(outage_id, resolution, 60, NOW)
    assert (await outages.judge_outage(judging)).attest
    assert (await outages.judge_outage(judging)).attest  # read back by a second run as well
    return Attestation(outage_id, 1)


async def prepared(steps: AttestationActivities, attestation: Attestation) -> Call:
    turn = await steps.prepare_call(attestation)
    assert turn.call is not None
    assert turn.mine
    return turn.call


async def rows(database: Database, table: Any, attestation: Attestation) -> list[Any]:
    async with database.autocommit() as connection:
        found = await connection.execute(
            select(table).where(
                table.c.outage_id == attestation.outage_id,
                table.c.revision == attestation.revision,
            )
        )
        return list(found)


async def count(database: Database, statement: Any) -> int:
    async with database.autocommit() as connection:
        return await connection.scalar(statement) or 0


async def attested(steps: AttestationActivities, attestation: Attestation) -> None:
    turn = await steps.prepare_call(attestation)
    assert await steps.carry_out_call(turn) is CallStatus.ANSWERED
    assert (await steps.conclude_attestation(Concluding(attestation, "", NOW))).attested
