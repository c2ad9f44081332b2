"""What was committed, and a workflow that waits may not know, is found in the database: a debt that is due, a cancelled job."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.jobs import jobs
from adapters.postgres.recovery import unfinished
from adapters.postgres.tables import attestations
from domain.sla.outages import Declaration, JudgeOutageInput, Outage, RecordOutageInput, Resolution
from domain.sla.verdicts import Severity
from services.jobs.jobs.cancel_job import CancelJob, cancel_job
from tests.testkit.api_client import make_unique_id
from tests.testkit.jobs.job_factory import EVERY_OUTAGE, add_job
from tests.testkit.settlement.payment_factory import ASKER, DETECTED, NOW, judge_outage

FAR = 10**9


class UndoneError(Exception):
    """What was written is taken back."""


async def is_due(database: Database, outage_id: str, status: str = "") -> bool:
    """Tell whether the debt of an outage is due, once its attestation, if it has one, stands at a status."""
    row = {"outage_id": outage_id, "revision": 1, "symbol": outage_id, "requested_at": NOW}
    problem = "it denies" if status == "halted" else None
    with suppress(UndoneError):
        async with database.transaction() as connection:
            if status:
                attestation = insert(attestations).values(**row, status=status, problem=problem)
                await connection.execute(attestation)
            (found,) = await unfinished.list_outages(connection, only=[outage_id])
            raise UndoneError
    return found.due_signal == "catch_up"


async def judge_disputable(database: Database, outage_id: str) -> None:
    activities = OutageActivitiesImpl(database, "sandbox")
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    declaration = Declaration(outage, ASKER, "standard", "default")
    await activities.record_outage(RecordOutageInput(declaration, NOW))
    resolution = Resolution(ASKER, mttr_minutes=25)
    await activities.judge_outage(JudgeOutageInput(outage_id, resolution, FAR, NOW))


@pytest.mark.parametrize(("status", "due"), [("", True), ("pending", False), ("halted", False)])
async def test_a_debt_is_due_once_the_window_is_over_and_the_contract_has_confirmed(
    database: Database, status: str, due: bool
) -> None:
    outage_id = make_unique_id("DUE")
    await judge_outage(database, outage_id, 25)
    assert await is_due(database, outage_id, status) is due


async def test_no_debt_is_due_while_the_verdict_may_be_disputed(database: Database) -> None:
    outage_id = make_unique_id("DUE")
    await judge_disputable(database, outage_id)
    assert not await is_due(database, outage_id)


async def test_a_job_is_notified_that_it_is_to_be_cancelled(database: Database) -> None:
    now = datetime.now(UTC)
    job = await add_job(database, parameters=EVERY_OUTAGE, at=now - timedelta(minutes=1))
    signals = []
    with suppress(UndoneError):
        async with database.transaction() as connection:
            for _ in range(2):
                (found,) = await unfinished.list_jobs(connection, only=[job.id])
                signals.append(found.due_signal)
                await jobs.request_cancel(connection, job.id, now)
            raise UndoneError
    assert signals == ["", "look_again"]
    await cancel_job(database, CancelJob(job.id, ASKER, now))
