"""A job whose workflow is missing is found in the database, and started."""

from datetime import UTC, datetime, timedelta

import httpx
from temporalio.client import Client

from adapters.postgres.database import Database
from tests.testkit.api_client import make_unique_id, wait_until
from tests.testkit.jobs.job_factory import EVERY_OUTAGE, add_job
from worker.recovery.recovery import MISSING, Lost, Recovery


async def find_lost(recovery: Recovery, job_id: str) -> Lost | None:
    found = [each async for each in recovery.find_lost()]
    return next((each for each in found if each.unfinished.id == job_id), None)


async def test_a_job_that_was_recorded_and_never_started_is_started(
    api: httpx.AsyncClient, database: Database, temporal: Client
) -> None:
    nowhere = EVERY_OUTAGE | {"site": make_unique_id("nowhere")}
    now = datetime.now(UTC)
    # One of a moment ago may be on its way.
    young = await add_job(database, parameters=nowhere, at=now + timedelta(hours=1))
    job = await add_job(database, parameters=nowhere, at=now - timedelta(minutes=1))
    recovery = Recovery(database, temporal)
    lost = await find_lost(recovery, job.id)
    assert lost is not None
    assert lost.ended == MISSING
    assert await find_lost(recovery, young.id) is None
    assert await recovery.start(lost)

    async def is_done() -> bool:
        return bool((await api.get(f"/jobs/{job.id}")).json()["status"] == "done")

    await wait_until(is_done, "the job is done")
    assert await find_lost(recovery, job.id) is None
    trail = (await api.get("/audit", params={"subject": f"job/{job.id}"})).json()["items"]
    # A short one may be done before its start is on record.
    actions = [each["action"] for each in trail]
    assert sorted(actions) == ["job.done", "job.recorded", "workflow.restarted"]
    assert actions[-1] == "job.recorded"
    assert (await api.post(f"/jobs/{young.id}/cancel")).json()["status"] == "cancelled"
