"""`apexchainx tokens`: the keys that sign access tokens."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from adapters.credentials.secret_box import SecretBox
from adapters.postgres.database import Database
from cli.databases import DataDir, NoDatabase, find_environment
from domain.access.signing_keys import SigningKey
from domain.errors import ApexError
from domain.requests import Request
from services.access.signing_keys.rotate_signing_key import RotateSigningKey, rotate_signing_key

SECRET = "JWT_SECRET_KEY"
MINUTES = "JWT_ACCESS_TOKEN_MINUTES"


def command(
    action: Annotated[str, typer.Argument(help="rotate")],
    data_dir: DataDir = None,
) -> None:
    """
    `rotate` publishes a new key at once and signs with it five minutes later, when everybody has read the key
    set; the old one is shown until the last token it signed has expired. Nothing is restarted, nobody is logged out.

    Run it with the DATABASE_URL, JWT_SECRET_KEY and JWT_ACCESS_TOKEN_MINUTES of the API.
    """
    if action != "rotate":
        raise SystemExit(f"apexchainx: there is no action {action!r}; it is rotate")
    try:
        new = asyncio.run(_rotate(data_dir))
    except (NoDatabase, ApexError) as error:
        raise SystemExit(f"apexchainx: {error}") from None
    typer.echo(f"{new.id} signs from {new.signs_from:%Y-%m-%d %H:%M:%S} UTC on")


async def _rotate(data_dir: Path | None) -> SigningKey:
    environment = find_environment(data_dir, SECRET)
    box = SecretBox(environment[SECRET])
    # Too long a time only shows the old key for longer.
    lifetime = timedelta(minutes=int(environment.get(MINUTES, "60")))
    by = Request("operator", "command-line")
    wanted = RotateSigningKey(secrets.token_bytes(32), lifetime, by, datetime.now(UTC))
    database = Database(environment["DATABASE_URL"], connections_max=1)
    try:
        return await rotate_signing_key(database, box, wanted)
    finally:
        await database.close()
