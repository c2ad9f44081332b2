"""`apexchainx people`: who may log in."""

import asyncio
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from adapters.credentials.passwords import PasswordHasher
from adapters.postgres.access import people
from adapters.postgres.reading.keysets import ListSegment
from cli.databases import DataDir, NoDatabase, open_database
from domain.access.people import Person, check_password, normalize_email
from domain.access.permissions import Role
from domain.digests import derive_id
from domain.errors import ApexError
from domain.requests import Request
from services.access.people.register_person import RegisterPerson, register_person

ACTIONS = ("list", "create", "create-admin")
BY = Request("operator", "command-line")
SHOWN_MAX = 1000


def command(
    action: Annotated[str, typer.Argument(help="list, create or create-admin")] = "list",
    email: Annotated[str, typer.Argument(help="the person's e-mail address")] = "",
    role: Annotated[Role, typer.Option(help="what they may do")] = Role.VIEWER,
    full_name: Annotated[str, typer.Option(help="their name")] = "",
    party: Annotated[str, typer.Option(help="whose they are; a claimant has one")] = "",
    data_dir: DataDir = None,
) -> None:
    """
    `create-admin` gives the first admin an account. The password is read from standard input, one line; from a
    terminal it is asked for, and not shown. There is no default password.
    """
    if action not in ACTIONS or (action != "list" and not email):
        raise SystemExit(f"apexchainx: the action is one of {', '.join(ACTIONS)}, with an address")
    try:
        if action == "list":
            asyncio.run(_list(data_dir))
            return
        address = normalize_email(email)
        password = _read_password()
        check_password(password, address)
        given = Role.ADMIN if action == "create-admin" else role
        asyncio.run(_create(data_dir, address, password, given, full_name or None, party or None))
    except (NoDatabase, ApexError) as error:
        raise SystemExit(f"apexchainx: {error}") from None
    typer.echo(f"{address} may log in with the role {given}")


def _read_password() -> str:
    if sys.stdin.isatty():
        password: str = typer.prompt("password", hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().rstrip("\r\n")


async def _create(
    data_dir: Path | None,
    email: str,
    password: str,
    role: Role,
    full_name: str | None,
    party: str | None,
) -> Person:
    hasher = PasswordHasher()
    try:
        made = await hasher.hash(password)
    finally:
        await hasher.close()
    wanted = RegisterPerson(
        derive_id("usr", secrets.token_hex(16)),
        email,
        full_name,
        role,
        made,
        BY,
        datetime.now(UTC),
        party,
    )
    async with open_database(data_dir) as database:
        return await register_person(database, wanted)


async def _list(data_dir: Path | None) -> None:
    async with open_database(data_dir) as database, database.autocommit() as connection:
        found, _ = await people.list_page(connection, ListSegment(SHOWN_MAX))
    for person in found:
        typer.echo(
            f"{person.email:<40}  {person.role:<9}  {person.status:<8}  {person.id}  {person.party or ''}".rstrip()
        )
