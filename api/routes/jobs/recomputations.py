"""/jobs/recomputations: many verdicts, computed again and compared with those on record."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import Field

from api.access.permissions import require
from api.bodies import Body, Instant
from api.dependencies import Asked, Running
from api.jobs.commands import start_job
from api.jobs.views import JobView
from domain.errors import Invalid
from domain.jobs.jobs import PERMISSIONS, JobKind
from domain.sla.verdicts import Severity
from services.jobs.jobs.record_job import RecordJob, make_job_id, record_job

router = APIRouter(prefix="/jobs/recomputations", tags=["jobs"])


class RecomputationBody(Body):
    """Which outages are meant: all of it must hold. `since` and `until` (exclusive) are of the detection."""

    severity: Severity | None = None
    site: str | None = Field(None, min_length=1, max_length=200)
    agreement: str | None = Field(None, min_length=1, max_length=100)
    since: Instant | None = None
    until: Instant | None = None


@router.post("", dependencies=[require(PERMISSIONS[JobKind.RECOMPUTATION])], status_code=202)
async def recompute_verdicts(body: RecomputationBody, engine: Running, asked: Asked) -> JobView:
    """
    Compute the newest verdict on each outage again, from the terms and times on record. The job's file says
    of each whether it is the one on record. It changes nothing.
    """
    if body.since is not None and body.until is not None and body.until <= body.since:
        raise Invalid("until", "must be later than since")
    wanted = body.model_dump(mode="json")
    command = RecordJob(make_job_id(), JobKind.RECOMPUTATION, wanted, asked, datetime.now(UTC))
    job = await record_job(engine.database, command)
    await start_job(engine, job)
    return JobView.of(job)
