"""/sla/analytics/snapshots: what all agreements came to at one instant, and whether that still holds."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path
from pydantic import BaseModel

from adapters.postgres.analytics import snapshots
from adapters.time_zones import TZDATA
from api.access.permissions import require
from api.bodies import Text
from api.dependencies import Asked, CursorPaging, Database
from api.responses import declare_problems
from api.views import CursorPageView
from domain.access.permissions import Permission
from domain.analytics.snapshots import AnalyticsSnapshot, Money, SnapshotDifference
from services.analytics.snapshots.reconcile_snapshot import reconcile_snapshot
from services.analytics.snapshots.take_snapshot import TakeSnapshot
from services.analytics.snapshots.take_snapshot import take_snapshot as take

router = APIRouter(prefix="/sla/analytics/snapshots", tags=["analytics"])
READ = [require(Permission.JOURNAL_READ)]
SnapshotId = Annotated[Text, Path(max_length=64)]


class SnapshotView(BaseModel):
    """`checksum` is the SHA-256 of the canonical JSON of the content; `tzdata` the version of the time zones."""

    id: str
    taken_at: datetime
    taken_by: str
    checksum: str
    tzdata: str

    @classmethod
    def of(cls, found: AnalyticsSnapshot) -> "SnapshotView":
        return cls(**{name: getattr(found, name) for name in SnapshotView.model_fields})


class SnapshotContentView(SnapshotView):
    """`canonical` is the text that was hashed, and `content` the same as JSON."""

    canonical: str
    content: dict[str, Any]


class SnapshotProofView(BaseModel):
    """`problems` is empty when the snapshot is as it was taken."""

    id: str
    verified: bool
    checksum: str
    problems: list[str]


class MoneyView(BaseModel):
    rewards_stroops: str
    penalties_stroops: str

    @classmethod
    def of(cls, found: Money) -> "MoneyView":
        return cls(
            rewards_stroops=str(found.rewards_stroops),
            penalties_stroops=str(found.penalties_stroops),
        )


class SnapshotDifferenceView(BaseModel):
    """An agreement of which the two differ; without a name, entries that belong to no outage."""

    agreement: str
    snapshot: MoneyView
    journal: MoneyView

    @classmethod
    def of(cls, found: SnapshotDifference) -> "SnapshotDifferenceView":
        return cls(
            agreement=found.agreement,
            snapshot=MoneyView.of(found.snapshot),
            journal=MoneyView.of(found.journal),
        )


class ReconciledSnapshotView(BaseModel):
    """Whether a snapshot says what the journal said at that instant, of each agreement."""

    id: str
    taken_at: datetime
    reconciled: bool
    differences: list[SnapshotDifferenceView]


@router.post("", dependencies=[require(Permission.SNAPSHOTS_TAKE)], status_code=201)
async def take_snapshot(database: Database, asked: Asked) -> SnapshotView:
    """Take a snapshot now; the clock takes one a day."""
    wanted = TakeSnapshot(asked, uuid4().hex, datetime.now(UTC), TZDATA)
    return SnapshotView.of(await take(database, wanted))


@router.get("", dependencies=READ)
async def list_snapshots(database: Database, paging: CursorPaging) -> CursorPageView[SnapshotView]:
    """List the snapshots, the newest first."""
    async with database.autocommit() as connection:
        found, total = await snapshots.list_page(connection, paging.find_segment("snapshots"))
    items = [SnapshotView.of(each) for each in found]
    return CursorPageView(
        items=items,
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("snapshots", items, "taken_at", "id"),
    )


@router.get("/{snapshot_id}", dependencies=READ, responses=declare_problems(404))
async def get_snapshot(snapshot_id: SnapshotId, database: Database) -> SnapshotContentView:
    """Show one snapshot, with the canonical JSON that was hashed."""
    async with database.autocommit() as connection:
        found = await snapshots.get(connection, snapshot_id)
    shown = SnapshotView.of(found).model_dump()
    return SnapshotContentView(**shown, canonical=found.content, content=found.parse())


@router.get("/{snapshot_id}/verify", dependencies=READ, responses=declare_problems(404))
async def verify_snapshot(snapshot_id: SnapshotId, database: Database) -> SnapshotProofView:
    """Hash the content again, and compare."""
    async with database.autocommit() as connection:
        found = await snapshots.get(connection, snapshot_id)
    problems = found.list_problems()
    return SnapshotProofView(
        id=found.id, verified=not problems, checksum=found.checksum, problems=problems
    )


@router.get("/{snapshot_id}/reconcile", dependencies=READ, responses=declare_problems(404))
async def reconcile(snapshot_id: SnapshotId, database: Database) -> ReconciledSnapshotView:
    """Add up the journal's entries that the snapshot has seen, and compare the money of each agreement."""
    found = await reconcile_snapshot(database, snapshot_id)
    return ReconciledSnapshotView(
        id=found.snapshot.id,
        taken_at=found.snapshot.taken_at,
        reconciled=not found.differences,
        differences=[SnapshotDifferenceView.of(each) for each in found.differences],
    )
