"""`apexchainx key`: give a person an API key of their own."""

import asyncio
import re
import secrets
from datetime import UTC, datetime
from typing import Annotated

import typer

from adapters.postgres.database import Database
from domain.access import Role
from domain.errors import ApexError
from domain.requests import Request
from migrations.run import read_url
from services.access.create_key import CreateKey, create_key

# One spelling of a name, so that one person cannot be two.
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)


def command(
    name: Annotated[str, typer.Argument(help="who it is for, in small letters")],
    role: Annotated[Role, typer.Option(help="what they may do")] = Role.ENGINEER,
) -> None:
    """
    The key is printed this once; the database that DATABASE_URL names keeps only its digest. A key
    the person had before is replaced.
    """
    if not NAME.fullmatch(name):
        raise SystemExit(f"{name!r} is not 1 to 100 of a-z, 0-9, dot, hyphen and underscore")
    key = secrets.token_urlsafe(32)
    try:
        asyncio.run(_keep(read_url(), name, role, key))
    except ApexError as error:
        raise SystemExit(str(error)) from None
    typer.echo(key)


async def _keep(url: str, name: str, role: Role, key: str) -> None:
    database, by = Database(url, connections_max=1), Request("operator", "command-line")
    try:
        await create_key(database, CreateKey(name, role, key, by, datetime.now(UTC)))
    finally:
        await database.close()
