"""A job takes one snapshot, however often it is begun, and says whether the journal agrees with it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from activities.jobs.job_contexts import JobContext
from activities.jobs.snapshots import SnapshotRunner
from adapters.postgres.analytics import snapshots
from adapters.postgres.database import Database
from adapters.postgres.reading.keysets import ListSegment
from devstack.environment.stack import Stack
from domain.jobs.jobs import JobKind
from services.analytics.rollups.fold_changes import fold_changes
from services.jobs.jobs.begin_job import begin_job
from tests.testkit.jobs.job_factory import add_job
from tests.testkit.settlement.payment_factory import owe_payment
from tests.testkit.stacks import open_scratch_database

AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def run(database: Database, job_id: str) -> dict[str, Any]:
    context = JobContext(database, await begin_job(database, job_id, AT))
    return await SnapshotRunner().run(context)


async def test_a_job_that_is_begun_again_takes_no_second_snapshot(scratch: Database) -> None:
    await owe_payment(scratch, "SNAP-JOB", 25)
    job = await add_job(scratch, JobKind.SNAPSHOT, {})
    first, again = await run(scratch, job.id), await run(scratch, job.id)
    assert first == again
    async with scratch.autocommit() as connection:
        (taken,), total = await snapshots.list_page(connection, ListSegment(2))
    assert (total.count, taken.taken_by) == (1, job.asked_by)
    assert first == {
        "snapshot_id": taken.id,
        "checksum": taken.checksum,
        "verified": True,
        "reconciled": True,
        "different": [],
    }


async def test_a_job_names_the_agreements_of_which_the_journal_says_something_else(
    scratch: Database,
) -> None:
    await owe_payment(scratch, "SNAP-JOB", 25)
    await fold_changes(scratch)
    async with scratch.transaction() as connection:
        await connection.execute(text("UPDATE analytics_rollups SET penalties_stroops = 0"))
    result = await run(scratch, (await add_job(scratch, JobKind.SNAPSHOT, {})).id)
    assert (result["verified"], result["reconciled"]) == (True, False)
    assert result["different"] == ["default"]
