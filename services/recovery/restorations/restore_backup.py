"""
Restore a backup: fill and prove a database beside the one in use, then let it take that one's place.

Until the last step nothing that exists has changed, so that a restore which was interrupted is begun again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.recovery import databases, restorations
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.recovery.backups import DatabaseContents
from domain.recovery.restorations import TRANSACTIONS_MARGIN, Restoration, check_replaceable
from domain.requests import Request
from services.recovery.restorations.fill_database import BackupSource, PartTimes, fill_database
from services.recovery.restorations.read_target import read_target


@dataclass(frozen=True, slots=True)
class RestoreBackup:
    """`name` is the database that the backup becomes; `replaces` lets one that holds something be moved away."""

    source: BackupSource
    name: str
    replaces: bool
    request: Request
    at: datetime


@dataclass(frozen=True, slots=True)
class RestoreBackupOutcome:
    """The restoration on record, and how many seconds each part took; `repeated` when it was done before."""

    restoration: Restoration
    seconds: dict[str, float]
    repeated: bool = False


async def restore_backup(database: Database, command: RestoreBackup) -> RestoreBackupOutcome:
    """
    `database` is the maintenance database of the server.

    Raises Conflict when the database is in use, or not empty without `replaces`; BackupUnusable when what
    was restored is not what was backed up.
    """
    times, name, manifest = PartTimes(), command.name, command.source.manifest
    async with database.autocommit() as locked:
        await databases.lock(locked)
        target = await read_target(database, name, manifest.contents.at)
        done = target.latest
        if done and not command.replaces and done.backup_sha256 == manifest.dump_sha256:
            return RestoreBackupOutcome(done, {}, repeated=True)
        check_replaceable(target, replaces=command.replaces)
        restoration = _make_restoration(command, exists=target.exists)
        await databases.drop_unfinished(locked, name)
        made = await databases.create_unfinished(locked, name, "restoring")
        times.record("prepare")
        restored = databases.open_database(database, made)
        try:
            await fill_database(restored, command.source, times)
            await _record(restored, restoration, command.request)
        finally:
            await restored.close()
        await _advance(locked, manifest.contents)
        times.record("advance")
        await _replace(database, name, made, restoration.replaced_database)
        times.record("replace")
    return RestoreBackupOutcome(restoration, times.seconds)


def _make_restoration(command: RestoreBackup, *, exists: bool) -> Restoration:
    stamp = command.at.astimezone(UTC).strftime("%Y%m%dt%H%M%S")
    manifest = command.source.manifest
    return Restoration(
        command.at,
        manifest.contents.at,
        manifest.dump_sha256,
        manifest.contents.chain_ledger,
        databases.name_replaced(command.name, stamp) if exists else None,
    )


async def _record(database: Database, restoration: Restoration, by: Request) -> None:
    """Let the journal know that it is older than the chain."""
    async with database.transaction() as connection:
        await restorations.add(connection, restoration)
        await events.publish(
            connection,
            make_audit_entry(
                *("installation", "installation.restored", by, restoration.restored_at),
                restoration.payload(),
                format_instant(restoration.restored_at),
            ),
        )


async def _advance(connection: AsyncConnection, contents: DatabaseContents) -> None:
    """Let the server give transaction ids that no reader of the event feed has seen yet."""
    going_on = await databases.get_server_id(connection) == contents.server_id
    if going_on and await databases.get_next_transaction(connection) >= contents.transaction:
        return
    await databases.advance_transactions(connection, contents.transaction + TRANSACTIONS_MARGIN)


async def _replace(database: Database, name: str, made: str, kept: str | None) -> None:
    async with database.transaction() as connection:
        await databases.replace_database(connection, name, made, kept)
