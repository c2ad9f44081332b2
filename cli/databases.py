"""Which database a command reads: the one DATABASE_URL names, else that of a stack on this machine."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.postgres.database import Database
from adapters.postgres.recovery.databases import open_maintenance

RECORD = "stack.json"


class NoDatabase(Exception):
    """Says in one sentence which database was looked for, and how to name one."""


@asynccontextmanager
async def open_database(data_dir: Path) -> AsyncIterator[Database]:
    """
    Open the database for a command that looks at it, and close it afterwards.

    Raises NoDatabase when DATABASE_URL is not set and no stack runs in `data_dir`.
    """
    database = Database(find_url(data_dir), connections_max=2)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_server(data_dir: Path) -> AsyncIterator[tuple[Database, str]]:
    """
    Open the maintenance database of the server, which is there when the database is not, with the name of
    the database; close it afterwards. Raises NoDatabase as `open_database` does.
    """
    maintenance, name = open_maintenance(find_url(data_dir))
    try:
        yield maintenance, name
    finally:
        await maintenance.close()


def find_url(data_dir: Path) -> str:
    """Return DATABASE_URL, or the database of the stack that `stack.json` says is running; raises NoDatabase."""
    if url := os.environ.get("DATABASE_URL"):
        return url
    try:
        record = json.loads((data_dir / RECORD).read_text())
        url = record["environment"].get("DATABASE_URL") if record["pids"] else None
    except (OSError, ValueError, KeyError, TypeError):
        url = None
    if not url:
        raise NoDatabase(
            f"no engine runs in {data_dir}: set DATABASE_URL, or name the --data-dir of one that runs"
        )
    return str(url)
