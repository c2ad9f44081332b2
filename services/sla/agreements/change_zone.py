"""Set in which time zone the months of an agreement begin."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements import agreements
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class ChangeZone:
    """`tzdata` is the version of the tables that know the zone."""

    agreement: str
    time_zone: str
    tzdata: str
    request: Request
    at: datetime


async def change_zone(database: Database, command: ChangeZone) -> bool:
    """Return whether it was another zone before. Raises NotFound for an agreement that does not exist."""
    name, zone = command.agreement, command.time_zone
    async with database.transaction() as connection:
        await agreements.get_agreement(connection, name, EVERYTHING)
        before = await agreements.get_zone(connection, name)
        if before == zone:
            return False
        await agreements.put_zone(connection, name, zone, command.request.actor, command.at)
        payload = {"agreement": name, "time_zone": zone, "before": before, "tzdata": command.tzdata}
        action, key = "agreement.zone_changed", format_instant(command.at)
        entry = make_audit_entry(
            f"agreement/{name}", action, command.request, command.at, payload, key
        )
        await events.publish(connection, entry)
    return True
