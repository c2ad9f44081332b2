"""Fill a new database from a backup, and prove that it holds what was backed up."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from adapters.backups.dumps import load_dump
from adapters.backups.tools import PostgresTools
from adapters.postgres.database import Database
from adapters.postgres.recovery import databases
from domain.errors import BackupUnusable
from domain.recovery.backups import BackupManifest, list_differences
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


async def fill_database(database: Database, source: BackupSource, times: PartTimes) -> None:
    """
    Load the backup into an empty database, and compare it table by table.

    Raises BackupUnusable, which says what is not as it was, and ToolFailed.
    """
    await load_dump(source.tools, database.engine.url, source.path, source.jobs)
    async with database.autocommit() as connection:
        await databases.analyze(connection)
    times.record("load")
    found = await describe_contents(database)
    if differences := list_differences(source.manifest.contents, found):
        raise BackupUnusable(
            f"what was restored is not what was backed up: {'; '.join(differences)}; use another backup"
        )
    times.record("verify")
