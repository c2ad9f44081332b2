"""Write down what all agreements come to at this instant."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.analytics import snapshots
from adapters.postgres.database import Database
from domain.analytics.snapshots import AnalyticsSnapshot, make_snapshot
from domain.audit import make_audit_entry
from domain.digests import derive_id
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """`key` is of the request: asked again, by the clock or by a person, it is the snapshot that was taken."""

    request: Request
    key: str
    at: datetime
    tzdata: str


async def take_snapshot(database: Database, command: TakeSnapshot) -> AnalyticsSnapshot:
    """Return the snapshot, that of the same request where there is one."""
    snapshot_id = derive_id("snp", command.request.actor, command.key)
    async with database.transaction() as connection:
        found = await snapshots.read_totals(connection)
        made = make_snapshot(snapshot_id, command.request.actor, found, command.tzdata)
        if not await snapshots.add(connection, made):
            return await snapshots.get(connection, snapshot_id)
        payload = {"snapshot_id": made.id, "checksum": made.checksum, "tzdata": made.tzdata}
        subject = f"snapshot/{made.id}"
        entry = make_audit_entry(subject, "snapshot.taken", command.request, command.at, payload)
        await events.publish(connection, entry)
    return made
