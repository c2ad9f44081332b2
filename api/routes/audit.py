"""/audit: who changed what, when and for which request."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.access.permissions import require
from api.bodies import Text
from api.dependencies import Database, Running
from api.parsing.bounds import Bound, parse_bounds
from api.protocol.exports import MEDIA_TYPES, ExportFormat, render_rows
from api.rendering.export_streams import answer_file
from domain.access.permissions import Permission
from domain.digests import INTEGER_MAX
from services.integration.audit.read_entries import make_filter, read_all_entries, read_entries
from services.integration.audit.read_verification import read_verification

router = APIRouter(prefix="/audit", tags=["audit"])
AUDITOR = require(Permission.AUDIT_READ)
COLUMNS = (
    *("sequence", "id", "at", "subject", "action", "actor"),
    *("correlation_id", "evidence", "leaf_hash"),
)
Sequence = Annotated[int, Query(ge=0, le=INTEGER_MAX)]
Wanted = Annotated[Text | None, Query(max_length=300)]


class AuditEntryView(BaseModel):
    """One change. `leaf_hash` is the hash of the other members but `sequence`, as docs/audit.md computes it."""

    sequence: int
    id: str
    at: datetime
    subject: str
    action: str
    actor: str
    correlation_id: str
    evidence: dict[str, Any]
    leaf_hash: str


class AuditPageView(BaseModel):
    """Send `next` as `before` to go on; it is null at the end of the trail."""

    items: list[AuditEntryView]
    next: int | None


class MismatchView(BaseModel):
    sequence: int
    entry_id: str
    problem: str


class VerificationView(BaseModel):
    """Send `last_sequence` as `after` to go on, until it is `complete`."""

    verified: int
    last_sequence: int
    complete: bool
    mismatches: list[MismatchView]


async def get_filter(
    subject: Wanted = None,
    action: Wanted = None,
    actor: Wanted = None,
    correlation_id: Wanted = None,
    date_from: Bound = None,
    date_to: Bound = None,
) -> Any:
    since, until = parse_bounds(date_from, date_to)
    return make_filter(
        subject=subject,
        action=action,
        actor=actor,
        correlation_id=correlation_id,
        since=since,
        until=until,
    )


Filter = Annotated[Any, Depends(get_filter)]


@router.get("", dependencies=[AUDITOR])
async def list_entries(
    database: Database,
    wanted: Filter,
    before: Sequence | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AuditPageView:
    """List changes, the newest first; both dates (UTC) are inclusive."""
    found, more = await read_entries(database, wanted, before, limit)
    return AuditPageView(items=[AuditEntryView.model_validate(_show(e)) for e in found], next=more)


@router.get("/verify", dependencies=[AUDITOR])
async def verify_entries(
    database: Database,
    after: Sequence = 0,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 100_000,
) -> VerificationView:
    """Hash entries anew, the oldest first, and name each that is not as it was written."""
    found = await read_verification(database, after, limit)
    return VerificationView(
        verified=found.verified,
        last_sequence=found.last_sequence,
        complete=found.complete,
        mismatches=[MismatchView.model_validate(asdict(each)) for each in found.mismatches],
    )


@router.get(
    "/export",
    dependencies=[AUDITOR],
    response_class=StreamingResponse,
    responses={200: {"content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()}}},
)
async def export_entries(
    engine: Running, wanted: Filter, format: ExportFormat = "jsonl"
) -> StreamingResponse:
    """Export changes, the oldest first, as CSV or as JSON lines."""
    pieces = render_rows(_read_all(engine.database, wanted), COLUMNS, format)
    return await answer_file(engine, pieces, f"audit.{format}", MEDIA_TYPES[format])


async def _read_all(database: Database, wanted: Any) -> AsyncGenerator[dict[str, Any]]:
    async with aclosing(read_all_entries(database, wanted)) as entries:
        async for entry in entries:
            yield _show(entry)


def _show(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "leaf_hash": entry["hash"]}
