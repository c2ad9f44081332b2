"""/intake/maintenance-windows: what carriers have announced, as their newest notices say."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from adapters.postgres.sla.intake import maintenance_windows
from api.access.permissions import require
from api.bodies import Instant, Text
from api.dependencies import CursorPaging, Database
from api.protocol.next_cursors import GOES_ON, set_next_cursor
from domain.access.permissions import Permission
from domain.sla.intake.maintenance_windows import RecordedWindow, WindowStatus

router = APIRouter(prefix="/intake/maintenance-windows", tags=["intake"])


class AffectedCircuitView(BaseModel):
    id: str
    impact: str


class WindowView(BaseModel):
    """`tzdata` is the version of the time zones by which its times were read, where any were needed."""

    id: str
    source: str
    provider: str
    account: str | None
    maintenance_id: str
    sequence: int
    status: WindowStatus
    starts_at: datetime
    ends_at: datetime
    circuits: list[AffectedCircuitView]
    summary: str
    noticed_at: datetime
    tzdata: str | None
    message_id: str
    recorded_at: datetime

    @classmethod
    def of(cls, record: RecordedWindow) -> "WindowView":
        known = asdict(record)
        return cls(**known.pop("window"), **known)


@router.get("", dependencies=[require(Permission.OUTAGES_READ)], responses=GOES_ON)
async def list_maintenance_windows(
    database: Database,
    paging: CursorPaging,
    response: Response,
    source: Annotated[Text | None, Query(max_length=64)] = None,
    after: Instant | None = None,
    before: Instant | None = None,
) -> list[WindowView]:
    """List maintenance windows, also cancelled ones, that end after and begin before given instants."""
    async with database.autocommit() as connection:
        found = await maintenance_windows.list_newest(
            connection, source, after, before, paging.find_segment("maintenance_windows")
        )
    shown = [WindowView.of(each) for each in found]
    set_next_cursor(response, paging.make_cursor("maintenance_windows", shown, "starts_at", "id"))
    return shown
