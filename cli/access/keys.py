"""`apexchainx keys`: give a person or a program an API key of their own."""

import asyncio
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from adapters.postgres.reading.keysets import ListSegment
from cli.databases import DataDir, NoDatabase, open_database
from domain.access.api_keys import ID_BYTES, NAME, SECRET_BYTES, KeyRecord, format_key, get_id
from domain.access.people import normalize_email
from domain.access.permissions import Permission, Role
from domain.errors import ApexError
from domain.requests import Request
from services.access.api_keys.create_key import CreateKey, create_key
from services.access.api_keys.revoke_keys import RevokeKeys, revoke_keys

BY = Request("operator", "command-line")
SHOWN_MAX = 1000


def command(
    name: Annotated[str, typer.Argument(help="who it is for, in small letters")] = "",
    role: Annotated[Role, typer.Option(help="what they may do")] = Role.OPERATOR,
    scope: Annotated[
        list[Permission] | None, typer.Option(help="narrows the role; may be given several times")
    ] = None,
    email: Annotated[str, typer.Option(help="of the person in whose name the key acts")] = "",
    party: Annotated[str, typer.Option(help="whose it is; a claimant's key has one")] = "",
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="for how long it is valid")
    ] = None,
    revoke: Annotated[bool, typer.Option(help="revoke every key of the name instead")] = False,
    data_dir: DataDir = None,
) -> None:
    """
    The key is printed this once; the database of --data-dir, or that at DATABASE_URL, keeps only its
    digest. A key the name had before is revoked. Without a name all keys are listed.
    """
    if name and not NAME.fullmatch(name):
        raise SystemExit(f"{name!r} is not 1 to 100 of a-z, 0-9, dot, hyphen and underscore")
    now = datetime.now(UTC)
    try:
        if not name:
            asyncio.run(_list(data_dir, now))
            return
        if revoke:
            count = asyncio.run(_revoke(data_dir, RevokeKeys(name, BY, now)))
            typer.echo(f"{count} of {name} revoked")
            return
        until = None if days is None else now + timedelta(days=days)
        wanted = make_command(name, role, scope or [], email, now, until, party)
        location = asyncio.run(_keep(data_dir, wanted))
    except (NoDatabase, ApexError) as error:
        raise SystemExit(f"apexchainx: {error}") from None
    print(f"a key for {name} with the role {role}, kept in database {location}:", file=sys.stderr)
    typer.echo(wanted.key)


def make_command(
    name: str,
    role: Role,
    scopes: list[Permission],
    email: str,
    now: datetime,
    until: datetime | None,
    party: str = "",
) -> CreateKey:
    key = format_key(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))
    return CreateKey(
        f"key_{get_id(key)}",
        name,
        role,
        key,
        BY,
        now,
        frozenset(scopes) if scopes else None,
        normalize_email(email) if email else None,
        until,
        replaces=True,
        party=party or None,
    )


async def _keep(data_dir: Path | None, wanted: CreateKey) -> str:
    async with open_database(data_dir) as database:
        await create_key(database, wanted)
        return database.location


async def _revoke(data_dir: Path | None, wanted: RevokeKeys) -> int:
    async with open_database(data_dir) as database:
        return await revoke_keys(database, wanted)


async def _list(data_dir: Path | None, now: datetime) -> None:
    async with open_database(data_dir) as database:
        for record in await _read(database):
            typer.echo(render_key(record, now))


async def _read(database: Database) -> list[KeyRecord]:
    async with database.autocommit() as connection:
        return (await api_keys.list_page(connection, ListSegment(SHOWN_MAX)))[0]


def render_key(record: KeyRecord, now: datetime) -> str:
    """Return a line about a key, which no width cuts."""
    state = "valid" if record.is_valid(now) else "revoked" if record.revoked_at else "expired"
    used = f"{record.last_used_at:%Y-%m-%d %H:%M}" if record.last_used_at else "never used"
    scopes = "" if record.scopes is None else f"  {' '.join(sorted(record.scopes))}"
    party = "" if record.party is None else f"  of {record.party}"
    return f"{record.id:<28}  {record.name:<24}  {record.role:<9}  {state:<8}  {used:<16}{scopes}{party}"
