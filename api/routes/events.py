"""/events: everything that happened, in commit order, for whoever prefers to ask."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from api.access.permissions import PUBLIC
from api.access.scopes import EventScope
from api.dependencies import Database
from api.parsing import patterns
from domain.events import EventType
from domain.integration.event_schemas import SCHEMA_VERSION, make_schema
from services.integration.events.read_feed import read_feed

router = APIRouter(prefix="/events", tags=["events"])


class EventView(BaseModel):
    id: str
    type: str
    outage_id: str | None
    outage_sequence: int | None
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


class SchemasView(BaseModel):
    """The version of all of them, and the types of events, each of which has one."""

    schema_version: int
    types: list[EventType]


@router.get("/schemas", dependencies=[PUBLIC])
async def list_schemas() -> SchemasView:
    """The types of events of which there is a JSON Schema (2020-12): all of them."""
    return SchemasView(schema_version=SCHEMA_VERSION, types=list(EventType))


@router.get("/schemas/{event_type}", dependencies=[PUBLIC])
async def get_schema(event_type: Annotated[EventType, Path()]) -> dict[str, Any]:
    """The JSON Schema of the body of one type of event."""
    return make_schema(event_type)
