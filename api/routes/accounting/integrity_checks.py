"""/integrity-checks: whether the journal keeps its invariants, as the last scheduled check found it."""

from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from adapters.postgres.accounting import integrity_checks
from api.access.permissions import require
from api.dependencies import CursorPaging, Database
from api.views import CursorPageView
from domain.access.permissions import Permission
from domain.accounting.invariants import INVARIANT_DESCRIPTIONS, Invariant

router = APIRouter(prefix="/integrity-checks", tags=["integrity"])


class InvariantView(BaseModel):
    """One description of the journal, and how many violations break it now."""

    invariant: Invariant
    description: str
    violations: int


class IntegrityCheckView(BaseModel):
    """`checked_at` and `clean` are null before the first check."""

    checked_at: datetime | None
    took_ms: int | None
    clean: bool | None
    overdue: int
    invariants: list[InvariantView]


class ViolationView(BaseModel):
    """`overdue` breaks no description: it has waited for too long. Null `resolved_at`: it stands."""

    id: str
    invariant: Invariant
    overdue: bool
    subject: str
    detail: str
    found_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None


@router.get("", dependencies=[require(Permission.JOURNAL_READ)])
async def get_integrity_check(database: Database) -> IntegrityCheckView:
    """Show when the whole journal was last checked, and which invariants are violated."""
    async with database.autocommit() as connection:
        last = await integrity_checks.get_newest(connection)
        counts = await integrity_checks.count_unresolved(connection)
    return IntegrityCheckView(
        checked_at=None if last is None else last.at,
        took_ms=None if last is None else last.took_ms,
        clean=None if last is None else last.broken == 0,
        overdue=0 if last is None else last.overdue,
        invariants=[
            InvariantView(
                invariant=invariant, description=description, violations=counts[invariant]
            )
            for invariant, description in INVARIANT_DESCRIPTIONS.items()
        ],
    )


@router.get("/violations", dependencies=[require(Permission.JOURNAL_READ)])
async def list_violations(
    database: Database,
    paging: CursorPaging,
    invariant: Invariant | None = None,
    overdue: bool | None = None,
    unresolved: bool | None = None,
) -> CursorPageView[ViolationView]:
    """List violations, newest first; `unresolved` shows only those that stand, or only those resolved."""
    async with database.autocommit() as connection:
        records, total = await integrity_checks.list_page(
            connection,
            invariant=invariant,
            overdue=overdue,
            unresolved=unresolved,
            segment=paging.find_segment("violations"),
        )
    items = [ViolationView.model_validate(asdict(record)) for record in records]
    return CursorPageView(
        items=items,
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("violations", records, "found_at", "id"),
    )
