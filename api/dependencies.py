"""What a route may ask for."""

import asyncio
import hashlib
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, cast
from uuid import uuid4
from weakref import WeakValueDictionary

from fastapi import Depends, Header, Query, Request
from fastapi.security import APIKeyHeader
from temporalio.client import Client

from adapters import logs
from adapters.postgres import database
from adapters.postgres.access import api_keys
from adapters.settings import ApiSettings
from domain import requests
from domain.access.principals import Principal
from domain.errors import Unauthenticated, Unavailable

# Long enough for a busy worker, and shorter than the time-out of most callers.
ANSWER_WITHIN = timedelta(seconds=10)
KEYS_REMEMBERED_MAX = 1000
KEY_REMEMBERED_SECONDS = 2.0
_api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="Your API key")


@dataclass
class Engine:
    """What the process opened at start-up."""

    settings: ApiSettings
    database: database.Database
    temporal: Client
    # Commands about one outage are asked one after the other; each lock lives while somebody holds it.
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)


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
    request: Request, key: Annotated[str | None, Depends(_api_key)]
) -> Principal:
    """Know the caller by key; one that was replaced or given another role is so in seconds."""
    if not key:
        raise Unauthenticated("the API key is missing: send it in the header X-API-Key")
    known: dict[bytes, tuple[Principal, float]] = request.app.state.principals
    digest = hashlib.sha256(key.encode()).digest()
    if digest not in known or time.monotonic() - known[digest][1] > KEY_REMEMBERED_SECONDS:
        known.pop(digest, None)
        async with _engine(request).database.autocommit() as connection:
            found = await api_keys.find_principal(connection, key)
        if found is None:
            raise Unauthenticated("the API key is not known: ask an admin for one")
        if len(known) >= KEYS_REMEMBERED_MAX:
            known.clear()
        known[digest] = found, time.monotonic()
    return known[digest][0]


async def get_known_principal(
    request: Request, key: Annotated[str | None, Depends(_api_key)]
) -> Principal | None:
    """Know the caller where there is a key that is known; None for anybody else."""
    try:
        return await get_principal(request, key)
    except (Unauthenticated, Unavailable):
        return None


async def get_asked(
    request: Request, principal: Annotated[Principal, Depends(get_principal)]
) -> requests.Request:
    return requests.Request(principal.name, request.state.correlation_id)


async def get_update_id(
    request: Request,
    key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", min_length=1, max_length=200, description="Repeat safely"),
    ] = None,
) -> str:
    """
    Name the update after the caller's key and what was asked: the same question asked again is
    answered again, another question under the same key is a new one and judged as such.
    """
    if key is None:
        return uuid4().hex  # never the correlation id: a caller may use one for a whole incident
    asked = request.url.path.encode() + b"\n" + await request.body()
    return hashlib.sha256(key.encode() + b"\n" + asked).hexdigest()


@dataclass(frozen=True)
class Page:
    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


async def get_page(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Page:
    return Page(page, page_size)


Database = Annotated[database.Database, Depends(get_database)]
Temporal = Annotated[Client, Depends(get_temporal)]
Running = Annotated[Engine, Depends(get_engine)]
Known = Annotated[Principal | None, Depends(get_known_principal)]
Caller = Annotated[Principal, Depends(get_principal)]
Asked = Annotated[requests.Request, Depends(get_asked)]
UpdateId = Annotated[str, Depends(get_update_id)]
Paging = Annotated[Page, Depends(get_page)]
