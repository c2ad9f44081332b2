"""/exports: whole datasets as files, written while they are read, of one moment; and the receipt of each."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.access.permissions import require
from api.access.scopes import DisputeScope, JournalScope, OutageScope, PaymentScope
from api.bodies import Text
from api.dependencies import Caller, Database
from api.rendering.export_streams import FILES, Exporting
from api.responses import declare_problems
from api.routes import audit
from api.routes.exports.export_filters import (
    AnalyticsWanted,
    DisputesWanted,
    FinanceWanted,
    VerdictsWanted,
)
from api.routes.settlement import payments
from api.routes.sla import listings
from domain.access.permissions import Permission
from domain.access.scopes import EVERYTHING
from domain.exports.datasets import Dataset, ExportFormat
from services.exports.read_receipt import read_receipt

router = APIRouter(prefix="/exports", tags=["exports"])
AUDITOR = require(Permission.AUDIT_READ)
A_FILE: dict[str, Any] = {"response_class": StreamingResponse, "responses": FILES}


class ReceiptView(BaseModel):
    """
    What an export was. `complete`: all of it was written, and `rows`, `bytes` and `sha256` are those of the
    whole file; what you have is that file if its digest is the same.
    """

    export_id: str
    dataset: Dataset
    format: ExportFormat
    filter: dict[str, str]
    asked_by: str
    party: str | None
    started_at: str
    complete: bool
    rows: int | None
    bytes: int | None
    sha256: str | None
    ended_at: str | None


@router.get("/outages", **A_FILE)
async def export_outages(
    exporting: Exporting, scope: OutageScope, wanted: listings.Wanted
) -> Response:
    """Download outages, by the filters of their list, with the verdict that holds."""
    return await exporting.answer(Dataset.OUTAGES, wanted, scope)


@router.get("/payments", **A_FILE)
async def export_payments(
    exporting: Exporting, scope: PaymentScope, wanted: payments.Wanted
) -> Response:
    """Download payments, by the filters of their list."""
    return await exporting.answer(Dataset.PAYMENTS, wanted, scope)


@router.get("/verdicts", **A_FILE)
async def export_verdicts(
    exporting: Exporting, scope: OutageScope, wanted: VerdictsWanted
) -> Response:
    """Download every revision of every verdict; both dates are of the judgement."""
    return await exporting.answer(Dataset.VERDICTS, wanted, scope)


@router.get("/disputes", **A_FILE)
async def export_disputes(
    exporting: Exporting, scope: DisputeScope, wanted: DisputesWanted
) -> Response:
    """Download disputes; both dates are of the filing."""
    return await exporting.answer(Dataset.DISPUTES, wanted, scope)


@router.get("/audit", dependencies=[AUDITOR], **A_FILE)
async def export_audit(exporting: Exporting, wanted: audit.Filter) -> Response:
    """Download changes, the oldest first, by the filters of their list."""
    return await exporting.answer(Dataset.AUDIT, wanted, EVERYTHING)


@router.get("/analytics", **A_FILE)
async def export_analytics(
    exporting: Exporting, scope: OutageScope, wanted: AnalyticsWanted
) -> Response:
    """Download the sums over verdicts of each day, as trends show them."""
    return await exporting.answer(Dataset.ANALYTICS, wanted, scope)


@router.get("/finance", **A_FILE)
async def export_finance(
    exporting: Exporting, scope: JournalScope, wanted: FinanceWanted
) -> Response:
    """
    Download what each debt has cost and was paid in each month, by the postings of the journal. `period` is a
    month (2026-01, UTC); or both dates are of the posting.
    """
    return await exporting.answer(Dataset.FINANCE, wanted, scope)


@router.get("/receipts/{export_id}", responses=declare_problems(404))
async def get_receipt(
    export_id: Annotated[Text, Path(max_length=64)],
    database: Database,
    caller: Caller,
    scope: OutageScope,
) -> ReceiptView:
    """Show what a file that you asked for is to be: its rows, its bytes and its digest."""
    found = await read_receipt(database, export_id, caller.name, scope.party)
    return ReceiptView.model_validate(asdict(found))
