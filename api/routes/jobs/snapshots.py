"""/jobs/snapshots: what all agreements came to, written down and compared with the journal while nobody waits."""

from datetime import UTC, datetime

from fastapi import APIRouter

from api.access.permissions import require
from api.dependencies import Asked, Running
from api.jobs.commands import start_job
from api.jobs.views import JobView
from domain.jobs.jobs import PERMISSIONS, JobKind
from services.jobs.jobs.record_job import RecordJob, make_job_id, record_job

router = APIRouter(prefix="/jobs/snapshots", tags=["jobs"])


@router.post("", dependencies=[require(PERMISSIONS[JobKind.SNAPSHOT])], status_code=202)
async def request_snapshot(engine: Running, asked: Asked) -> JobView:
    """Have a snapshot of the analytics taken, verified and reconciled with the journal by a job."""
    command = RecordJob(make_job_id(), JobKind.SNAPSHOT, {}, asked, datetime.now(UTC))
    job = await record_job(engine.database, command)
    await start_job(engine, job)
    return JobView.of(job)
