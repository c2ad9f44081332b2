"""
Restore a backup: fill and prove a database beside the one in use, then let it take that one's place.

Until the last step nothing that exists has changed, so that a restore which was interrupted is begun again.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import databases, events, restorations
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.backups import DatabaseContents
from domain.digests import format_instant
from domain.requests import Request
from domain.restorations import TRANSACTIONS_MARGIN, Restoration, check_replaceable
from services.recovery.restorations.fill_database import BackupSource, PartTimes, fill_database
from services.recovery.restorations.read_target import read_target


@dataclass(frozen=True, slots=True)
class RestoreBackup:
    """`url` names the database that the backup becomes; `replaces` lets one that holds something be moved away."""

    source: BackupSource
    url: str = field(repr=False)
    replaces: bool
    request: Request
    at: datetime


@dataclass(frozen=True, slots=True)
class RestoreBackupOutcome:
    """The restoration on record, and how many seconds each part took; `repeated` when it was done before."""

    restoration: Restoration
    seconds: dict[str, float]
    repeated: bool = False


async def restore_backup(command: RestoreBackup) -> RestoreBackupOutcome:
    """
    Raises Conflict when the database is in use, or not empty without `replaces`; BackupUnusable when what
    was restored is not what was backed up.
    """
    maintenance, name = databases.split_url(command.url)
    contents, times = command.source.manifest.contents, PartTimes()
    server = Database(maintenance, connections_max=2)
    try:
        async with server.autocommit() as locked:
            await databases.lock(locked)
            target = await read_target(command.url, contents.at)
            done = target.latest
            if done and not command.replaces and _is_of(done, command.source):
                return RestoreBackupOutcome(done, {}, repeated=True)
            check_replaceable(target, replaces=command.replaces)
            stamp = command.at.astimezone(UTC).strftime("%Y%m%dt%H%M%S")
            kept = databases.name_replaced(name, stamp) if target.exists else None
            restoration = Restoration(
                *(command.at, contents.at, command.source.manifest.dump_sha256),
                *(contents.chain_ledger, kept),
            )
            await databases.drop_unfinished(locked, name)
            unfinished = await databases.create_unfinished(locked, name, "restoring")
            times.record("prepare")
            await _fill(locked, command, unfinished, restoration, times)
            async with server.transaction() as connection:
                await databases.replace(connection, name, unfinished, kept)
            times.record("replace")
    finally:
        await server.close()
    return RestoreBackupOutcome(restoration, times.seconds)


def _is_of(restoration: Restoration, source: BackupSource) -> bool:
    return restoration.backup_sha256 == source.manifest.dump_sha256


async def _fill(
    locked: AsyncConnection,
    command: RestoreBackup,
    unfinished: str,
    restoration: Restoration,
    times: PartTimes,
) -> None:
    """Make the new database all that it has to be before it takes the place of the old one."""
    url = databases.name_database(command.url, unfinished)
    async with fill_database(url, command.source, times) as restored:
        await _record(restored, restoration, command.request)
        await _advance(locked, command.source.manifest.contents)
        times.record("advance")


async def _advance(connection: AsyncConnection, contents: DatabaseContents) -> None:
    """Let the server give transaction ids that no reader of the event feed has seen yet."""
    going_on = await databases.get_server_id(connection) == contents.server_id
    if going_on and await databases.get_next_transaction(connection) >= contents.transaction:
        return
    await databases.advance_transactions(connection, contents.transaction + TRANSACTIONS_MARGIN)


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
