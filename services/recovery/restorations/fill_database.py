"""Fill a new database from a backup, and prove that it holds what was backed up."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL

from adapters.backups.dumps import load_dump
from adapters.backups.tools import PostgresTools
from adapters.postgres.database import Database
from domain.backups import BackupManifest, list_differences
from domain.errors import BackupUnusable
from services.recovery.backups.describe_contents import describe_contents


@dataclass(frozen=True, slots=True)
class BackupSource:
    """A backup that was read, the programs that fit the server, and by how many connections it is loaded."""

    path: Path
    manifest: BackupManifest
    tools: PostgresTools
    jobs: int


@dataclass(slots=True)
class PartTimes:
    """How many seconds each part of a restore took."""

    seconds: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def record(self, part: str) -> None:
        """Record what was done since the last part."""
        now = time.monotonic()
        self.seconds[part] = round(now - self.began, 3)
        self.began = now


@asynccontextmanager
async def fill_database(
    url: URL, source: BackupSource, times: PartTimes
) -> AsyncIterator[Database]:
    """
    Load the backup into the empty database at `url`, compare it table by table, and yield it open.

    Raises BackupUnusable, which says what is not as it was, and ToolFailed.
    """
    await load_dump(source.tools, url, source.path, source.jobs)
    times.record("load")
    database = Database(url.render_as_string(hide_password=False), connections_max=2)
    try:
        found = await describe_contents(database)
        if differences := list_differences(source.manifest.contents, found):
            raise BackupUnusable(
                f"what was restored is not what was backed up: {'; '.join(differences)}; use another backup"
            )
        times.record("verify")
        yield database
    finally:
        await database.close()
