"""/api-keys: keys for programs, and for people who call by hand."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from adapters.postgres.access import api_keys
from api.access.permissions import require
from api.access.views import GivenKeyView, KeyView, describe_key
from api.bodies import Body, Instant, Text
from api.dependencies import Asked, Caller, CursorPaging, Database, Running
from api.parsing import patterns
from api.responses import declare_problems
from api.views import CursorPageView
from domain.access.api_keys import (
    ID_BYTES,
    NAME,
    OVERLAP,
    OVERLAP_MAX,
    SECRET_BYTES,
    format_key,
    get_id,
)
from domain.access.people import normalize_email
from domain.access.permissions import Permission, Role
from domain.errors import Forbidden
from services.access.api_keys.create_key import CreateKey, create_key
from services.access.api_keys.revoke_key import RevokeKey
from services.access.api_keys.revoke_key import revoke_key as revoke
from services.access.api_keys.rotate_key import RotateKey
from services.access.api_keys.rotate_key import rotate_key as rotate

router = APIRouter(
    prefix="/api-keys", tags=["access"], dependencies=[require(Permission.KEYS_MANAGE)]
)
KeyId = Annotated[Text, Path(max_length=40)]


class KeyBody(Body):
    """
    `scopes` narrow the role to some permissions; `email` is of the person in whose name the key acts, and
    whose party it then has; `party` is for a program of a party's own.
    """

    name: str = Field(pattern=f"^{NAME.pattern}$")
    role: Role
    scopes: list[Permission] | None = Field(None, min_length=1, max_length=len(Permission))
    email: str | None = Field(None, max_length=320, json_schema_extra=patterns.EMAIL)
    expires_at: Instant | None = None
    party: str | None = Field(None, max_length=64)


class RotateBody(Body):
    overlap_hours: int = Field(
        int(OVERLAP.total_seconds() // 3600),
        ge=0,
        le=int(OVERLAP_MAX.total_seconds() // 3600),
        strict=True,
    )


@router.post("", status_code=201, responses=declare_problems(404))
async def give_key(body: KeyBody, engine: Running, caller: Caller, asked: Asked) -> GivenKeyView:
    """Create an API key (admin). It is shown this once; only its digest is kept."""
    if caller.scopes is not None:
        raise Forbidden("a key with scopes gives no keys: log in, or use one without")
    key = make_key()
    wanted = CreateKey(
        f"key_{get_id(key)}",
        body.name,
        body.role,
        key,
        asked,
        datetime.now(UTC),
        None if body.scopes is None else frozenset(body.scopes),
        None if body.email is None else normalize_email(body.email),
        body.expires_at,
        party=body.party,
    )
    record = await create_key(engine.database, wanted)
    return GivenKeyView.model_validate(describe_key(record) | {"key": key})


@router.get("")
async def list_keys(database: Database, paging: CursorPaging) -> CursorPageView[KeyView]:
    """List keys, the newest first, those that are revoked too (admin)."""
    async with database.autocommit() as connection:
        found, total = await api_keys.list_page(connection, paging.find_segment("api-keys"))
    return CursorPageView(
        items=[KeyView.of(each) for each in found],
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("api-keys", found, "created_at", "id"),
    )


@router.delete("/{key_id}", responses=declare_problems(404))
async def revoke_key(key_id: KeyId, engine: Running, asked: Asked) -> KeyView:
    """Revoke a key (admin); in other processes it is refused within two seconds."""
    revoked = await revoke(engine.database, RevokeKey(key_id, asked, datetime.now(UTC)))
    engine.access.forget()
    return KeyView.of(revoked)


@router.post("/{key_id}/rotate", status_code=201, responses=declare_problems(404, 409))
async def rotate_key(
    key_id: KeyId, body: RotateBody, engine: Running, caller: Caller, asked: Asked
) -> GivenKeyView:
    """Give a new key that may do the same (admin); the old one ends after an overlap, 24 hours at first."""
    if caller.scopes is not None:
        raise Forbidden("a key with scopes gives no keys: log in, or use one without")
    key, overlap = make_key(), timedelta(hours=body.overlap_hours)
    wanted = RotateKey(key_id, f"key_{get_id(key)}", key, overlap, asked, datetime.now(UTC))
    record = await rotate(engine.database, wanted)
    engine.access.forget()
    return GivenKeyView.model_validate(describe_key(record) | {"key": key})


def make_key() -> str:
    return format_key(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))
