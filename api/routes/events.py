"""/events: everything that happened, in commit order, for whoever prefers to ask."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.access.scopes import EventScope
from api.dependencies import Database
from api.parsing import patterns
from services.integration.events.read_feed import read_feed

router = APIRouter(prefix="/events", tags=["events"])


class EventView(BaseModel):
    id: str
    type: str
    outage_id: str | None
    occurred_at: datetime
    data: dict[str, Any]


class FeedView(BaseModel):
    """Pass `next` as `after` to go on; it stays the same while nothing new has happened."""

    items: list[EventView]
    next: str


@router.get("")
async def list_events(
    database: Database,
    scope: EventScope,
    after: Annotated[str, Query(max_length=40, json_schema_extra=patterns.CURSOR)] = "0-0",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> FeedView:
    """Read the feed from a cursor on. An event is never skipped and never reordered."""
    feed = await read_feed(database, after, limit, scope)
    return FeedView(
        items=[EventView.model_validate(asdict(each)) for each in feed.items], next=feed.next
    )
