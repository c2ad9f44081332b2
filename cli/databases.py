"""Which database a command reads: the one DATABASE_URL names, else that of a stack on this machine."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.postgres.database import Database

RECORD = "stack.json"


class NoDatabase(Exception):
    """Says in one sentence which database was looked for, and how to name one."""


@asynccontextmanager
async def open_database(data_dir: Path) -> AsyncIterator[Database]:
    """
    Open the database for a command that looks at it, and close it afterwards.

    Raises NoDatabase when DATABASE_URL is not set and no stack runs in `data_dir`.
    """
    database = Database(os.environ.get("DATABASE_URL") or _url_of(data_dir), connections_max=2)
    try:
        yield database
    finally:
        await database.close()


def find_temporal(data_dir: Path) -> tuple[str, str]:
    """Return address and namespace of the workflow server: those of the environment, else of a local stack."""
    address = os.environ.get("TEMPORAL_ADDRESS") or _read_record(data_dir, "TEMPORAL_ADDRESS")
    if not address:
        raise NoDatabase(
            f"no engine runs in {data_dir}: set TEMPORAL_ADDRESS, or name the --data-dir of one that runs"
        )
    return address, os.environ.get("TEMPORAL_NAMESPACE") or "default"


def _read_record(data_dir: Path, name: str) -> str | None:
    """Return a variable of the stack that `stack.json` says is running; None when none runs."""
    try:
        record = json.loads((data_dir / RECORD).read_text())
        return record["environment"].get(name) if record["pids"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _url_of(data_dir: Path) -> str:
    """The database of the stack that `stack.json` says is running."""
    url = _read_record(data_dir, "DATABASE_URL")
    if not url:
        raise NoDatabase(
            f"no engine runs in {data_dir}: set DATABASE_URL, or name the --data-dir of one that runs"
        )
    return str(url)
