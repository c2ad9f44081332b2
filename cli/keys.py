"""`apexchainx keys`: give a person an API key of their own."""

import asyncio
import re
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.databases import DataDir, NoDatabase, open_database
from domain.access.permissions import Role
from domain.errors import ApexError
from domain.requests import Request
from services.access.create_key import CreateKey, create_key

# One spelling of a name, so that one person cannot be two.
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)


def command(
    name: Annotated[str, typer.Argument(help="who it is for, in small letters")],
    role: Annotated[Role, typer.Option(help="what they may do")] = Role.OPERATOR,
    data_dir: DataDir = None,
) -> None:
    """
    The key is printed this once; the database of --data-dir, or that at DATABASE_URL, keeps only its
    digest. A key the person had before is replaced.
    """
    if not NAME.fullmatch(name):
        raise SystemExit(f"{name!r} is not 1 to 100 of a-z, 0-9, dot, hyphen and underscore")
    key = secrets.token_urlsafe(32)
    try:
        location = asyncio.run(_keep(data_dir, name, role, key))
    except (NoDatabase, ApexError) as error:
        raise SystemExit(f"apexchainx: {error}") from None
    print(f"a key for {name} with the role {role}, kept in database {location}:", file=sys.stderr)
    typer.echo(key)


async def _keep(data_dir: Path | None, name: str, role: Role, key: str) -> str:
    by = Request("operator", "command-line")
    async with open_database(data_dir) as database:
        await create_key(database, CreateKey(name, role, key, by, datetime.now(UTC)))
        return database.location
