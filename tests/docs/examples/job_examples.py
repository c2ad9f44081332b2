"""Jobs: one that is done, one that is cancelled, and one that failed and is done again."""

from datetime import UTC, datetime

import httpx

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.jobs.jobs import ReportFailureInput
from services.jobs.jobs.begin_job import begin_job
from services.jobs.jobs.report_failure import report_failure
from tests.docs.examples.example_recorder import ExampleRecorder
from tests.testkit.api_client import wait_until
from tests.testkit.jobs.job_factory import add_job


async def show_jobs(recorder: ExampleRecorder, admin: httpx.AsyncClient, stack: Stack) -> None:
    ask = recorder.ask
    wanted = {"severity": "critical", "since": "2026-01-01T00:00:00Z"}
    one = {"job_id": (await ask(admin, "POST /jobs/recomputations", wanted))["id"]}

    async def is_done() -> bool:
        return bool((await admin.get(f"/jobs/{one['job_id']}")).json()["status"] == "done")

    await wait_until(is_done, "the job is done")
    await ask(admin, "GET /jobs/{job_id}", **one)
    await ask(admin, "GET /jobs/{job_id}/output", **one)
    await ask(admin, "POST /jobs/snapshots")
    await ask(admin, "GET /jobs", params={"status": "done", "kind": "recomputation"})
    database = Database(stack.environment["DATABASE_URL"], connections_max=1)
    for route in ("POST /jobs/{job_id}/cancel", "DELETE /jobs/{job_id}"):
        await ask(admin, route, job_id=(await add_job(database)).id)
    now, job = datetime.now(UTC), await add_job(database)
    await begin_job(database, job.id, now)
    await report_failure(database, ReportFailureInput(job.id, "it was refused", True), now)
    await ask(admin, "POST /jobs/{job_id}/retry", job_id=job.id)
    await database.close()
