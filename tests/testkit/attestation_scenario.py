"""Verdicts that need an attestation by the SLA contract, and the activities that request it, on the real chain."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from activities.sla.attestations import AttestationActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from domain.requests import Request
from domain.sla.attestations import (
    Attestation,
    Attested,
    Call,
    CallStatus,
    ConcludeAttestationInput,
    OtherCall,
    OwnCall,
)
from domain.sla.outages import Declaration, JudgeOutageInput, Outage, RecordOutageInput, Resolution
from domain.sla.verdicts import Severity
from tests.testkit.api_client import make_unique_id

ASKER = Request("tester", "corr-requires_attestation")
DETECTED = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


async def judge_for_attestation(
    database: Database, minutes: int = 25, *, requires_attestation: bool = True
) -> Attestation:
    """Judge an outage whose verdict needs an attestation."""
    outage_id = make_unique_id("WORD")
    outages = OutageActivitiesImpl(database, "sandbox", requires_attestation=requires_attestation)
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    declaration = Declaration(outage, ASKER, "standard", "default")
    await outages.record_outage(RecordOutageInput(declaration, NOW))
    resolution = Resolution(ASKER, DETECTED + timedelta(minutes=minutes))
    judging = JudgeOutageInput(outage_id, resolution, 60, NOW)
    assert (await outages.judge_outage(judging)).attest
    assert (await outages.judge_outage(judging)).attest  # read back by a second run as well
    return Attestation(outage_id, 1)


async def prepare_call(activities: AttestationActivitiesImpl, attestation: Attestation) -> Call:
    turn = await activities.prepare_call(attestation)
    assert isinstance(turn, OwnCall)
    return turn.call


async def list_rows(database: Database, table: Any, attestation: Attestation) -> list[Any]:
    async with database.autocommit() as connection:
        found = await connection.execute(
            select(table).where(
                table.c.outage_id == attestation.outage_id,
                table.c.revision == attestation.revision,
            )
        )
        return list(found)


async def count_rows(database: Database, statement: Any) -> int:
    async with database.autocommit() as connection:
        return await connection.scalar(statement) or 0


async def attest_verdict(activities: AttestationActivitiesImpl, attestation: Attestation) -> None:
    assert await executed(activities, attestation) is CallStatus.ANSWERED
    concluding = ConcludeAttestationInput(attestation, "", NOW)
    assert isinstance(await activities.conclude_attestation(concluding), Attested)


async def executed(activities: AttestationActivitiesImpl, attestation: Attestation) -> CallStatus:
    """See the call through that is next for an attestation."""
    turn = await activities.prepare_call(attestation)
    assert isinstance(turn, OwnCall | OtherCall)
    return await activities.execute_call(turn)
