"""What a route may ask for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, cast
from uuid import uuid4
from weakref import WeakValueDictionary

from fastapi import Depends, Query, Request
from fastapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    HTTPAuthorizationCredentials,
    HTTPBearer,
)
from temporalio.client import Client

from adapters import logs
from adapters.postgres import database
from adapters.postgres.reading.keysets import ListSegment
from adapters.settings import ApiSettings
from api.access.cookies import SESSION_COOKIE
from api.access.credentials import AccessContext, find_principal
from api.parsing.cursors import CURSOR_MAX, Position, decode_position, encode_position
from api.protocol.etags import IfMatch, get_if_match
from api.protocol.idempotency import get_keyed_request
from domain import requests
from domain.access.principals import Principal
from domain.errors import Invalid, TooMany, Unauthenticated, Unavailable

# Long enough for a busy worker, and shorter than the time-out of most callers.
ANSWER_WITHIN = timedelta(seconds=10)
_api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="Your API key")
_bearer = HTTPBearer(auto_error=False, description="An access token, as the login answers it")
_cookie = APIKeyCookie(name=SESSION_COOKIE, auto_error=False, description="The session of a login")


@dataclass
class Engine:
    """What the process opened at start-up."""

    settings: ApiSettings
    database: database.Database
    temporal: Client
    access: AccessContext
    # Commands about one outage are asked one after the other; each lock lives while somebody holds it.
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    # Workflows of declared outages that are being started, or the tasks would be forgotten.
    starts: set["asyncio.Task[None]"] = field(default_factory=set)
    # Files that are being written at this moment.
    exports: int = 0


# All of these are coroutines, though none waits for long: FastAPI sends anything else to a
# thread, which costs more than the work itself.
def _engine(request: Request) -> Engine:
    return cast(Engine, request.app.state.engine)


async def get_engine(request: Request) -> Engine:
    return _engine(request)


async def bind_subjects(request: Request) -> None:
    """Let every line of a request say which outage or payment its path names."""
    about = request.path_params
    logs.bind(outage_id=about.get("outage_id"), payment_id=about.get("payment_id"))


async def get_database(request: Request) -> database.Database:
    return _engine(request).database


async def get_temporal(request: Request) -> Client:
    return _engine(request).temporal


async def get_principal(
    request: Request,
    key: Annotated[str | None, Depends(_api_key)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Principal:
    """Know the caller by API key, access token or session; what is revoked is so in seconds."""
    token = None if bearer is None else bearer.credentials
    found = await find_principal(request, _engine(request).access, key, token, cookie)
    request.state.principal = found.identity
    return found


async def get_known_principal(
    request: Request,
    key: Annotated[str | None, Depends(_api_key)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Principal | None:
    """Know the caller where they are known; None for anybody else."""
    try:
        return await get_principal(request, key, bearer, cookie)
    except (Unauthenticated, Unavailable, TooMany):
        return None


async def get_asked(
    request: Request, principal: Annotated[Principal, Depends(get_principal)]
) -> requests.Request:
    return requests.Request(principal.name, request.state.correlation_id)


async def get_update_id(principal: Annotated[Principal, Depends(get_principal)]) -> str:
    """
    Name what is asked of a workflow after the caller, the key and the content: the same request repeated
    reaches the same update. Without a key it is random, and never the correlation id.
    """
    keyed = get_keyed_request()
    return uuid4().hex if keyed is None else keyed.derive_update_id(principal.identity)


@dataclass(frozen=True)
class Page:
    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


@dataclass(frozen=True)
class CursorPage(Page):
    """By its number, or from a place on: a cursor says after which row."""

    cursor: str | None = None

    def find_segment(self, name: str, *, dated: bool = True) -> ListSegment:
        """Return the part of a list that is asked for. Raises Invalid for a cursor of another one."""
        if self.cursor is None:
            return ListSegment(self.size, self.offset)
        position = decode_position(self.cursor, name, dated=dated)
        return ListSegment(self.size, after=position.values)

    def make_cursor(self, name: str, shown: Sequence[Any], *place: str) -> str | None:
        """Return the cursor to go on with, where a page is full; `place` names what the list is ordered by."""
        if len(shown) < self.size:
            return None
        last = [getattr(shown[-1], each) for each in place]
        at = last[0] if len(last) > 1 else None
        return encode_position(name, Position(at, last[-1]))


async def get_page(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Page:
    return Page(page, page_size)


async def get_cursor_page(
    page: Annotated[Page, Depends(get_page)],
    cursor: Annotated[str | None, Query(max_length=CURSOR_MAX)] = None,
) -> CursorPage:
    if cursor and page.number != 1:
        raise Invalid("page", "may not be sent with a cursor: it says where the page begins")
    return CursorPage(page.number, page.size, cursor or None)


Database = Annotated[database.Database, Depends(get_database)]
Temporal = Annotated[Client, Depends(get_temporal)]
Running = Annotated[Engine, Depends(get_engine)]
Known = Annotated[Principal | None, Depends(get_known_principal)]
Caller = Annotated[Principal, Depends(get_principal)]
Asked = Annotated[requests.Request, Depends(get_asked)]
UpdateId = Annotated[str, Depends(get_update_id)]
Condition = Annotated[IfMatch, Depends(get_if_match)]
CursorPaging = Annotated[CursorPage, Depends(get_cursor_page)]
