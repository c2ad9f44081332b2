"""/exports by POST: the same files made by a job, kept for 30 days and downloaded as often as one likes."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends, Request

from adapters.postgres.exports.exported_rows import ExportFilter
from api.access.permissions import require
from api.jobs.commands import start_job
from api.jobs.views import JobView
from api.rendering.export_streams import Exporting
from api.routes import audit
from api.routes.exports.export_filters import (
    AnalyticsWanted,
    DisputesWanted,
    FinanceWanted,
    VerdictsWanted,
)
from api.routes.settlement import payments
from api.routes.sla import listings
from domain.errors import Invalid
from domain.exports.datasets import Dataset
from domain.jobs.jobs import PERMISSIONS
from services.exports.export_orders import choose_kind, make_order
from services.jobs.jobs.record_job import RecordJob, make_job_id, record_job

router = APIRouter(prefix="/exports", tags=["exports"])


async def refuse_body(request: Request) -> None:
    """A filter that is sent in a body would be overlooked, and everything exported."""
    if await request.body():
        raise Invalid("body", "is not taken: send the filters in the query, as for a download")


def _ask(dataset: Dataset) -> dict[str, Any]:
    permitted = require(PERMISSIONS[choose_kind(dataset)])
    return {"status_code": 202, "dependencies": [permitted, Depends(refuse_body)]}


async def _start(exporting: Exporting, dataset: Dataset, wanted: ExportFilter) -> JobView:
    parameters = make_order(dataset, exporting.form, wanted, exporting.said)
    kind, now = choose_kind(dataset), datetime.now(UTC)
    command = RecordJob(make_job_id(), kind, parameters, exporting.asked, now)
    job = await record_job(exporting.engine.database, command)
    await start_job(exporting.engine, job)
    return JobView.of(job)


@router.post("/outages", **_ask(Dataset.OUTAGES))
async def start_outages(exporting: Exporting, wanted: listings.Wanted) -> JobView:
    """Have outages exported by a job."""
    return await _start(exporting, Dataset.OUTAGES, wanted)


@router.post("/payments", **_ask(Dataset.PAYMENTS))
async def start_payments(exporting: Exporting, wanted: payments.Wanted) -> JobView:
    """Have payments exported by a job."""
    return await _start(exporting, Dataset.PAYMENTS, wanted)


@router.post("/verdicts", **_ask(Dataset.VERDICTS))
async def start_verdicts(exporting: Exporting, wanted: VerdictsWanted) -> JobView:
    """Have every revision of every verdict exported by a job."""
    return await _start(exporting, Dataset.VERDICTS, wanted)


@router.post("/disputes", **_ask(Dataset.DISPUTES))
async def start_disputes(exporting: Exporting, wanted: DisputesWanted) -> JobView:
    """Have disputes exported by a job."""
    return await _start(exporting, Dataset.DISPUTES, wanted)


@router.post("/audit", **_ask(Dataset.AUDIT))
async def start_audit(exporting: Exporting, wanted: audit.Filter) -> JobView:
    """Have the audit trail exported by a job."""
    return await _start(exporting, Dataset.AUDIT, wanted)


@router.post("/analytics", **_ask(Dataset.ANALYTICS))
async def start_analytics(exporting: Exporting, wanted: AnalyticsWanted) -> JobView:
    """Have the sums of each day exported by a job."""
    return await _start(exporting, Dataset.ANALYTICS, wanted)


@router.post("/finance", **_ask(Dataset.FINANCE))
async def start_finance(exporting: Exporting, wanted: FinanceWanted) -> JobView:
    """Have the finance export made by a job."""
    return await _start(exporting, Dataset.FINANCE, wanted)
