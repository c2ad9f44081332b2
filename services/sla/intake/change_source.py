"""Change what a source means here, or stop listening to it; what it has sent stays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla.intake import sources
from domain.audit import make_audit_entry
from domain.requests import Request
from domain.sla.intake.sources import Source


@dataclass(frozen=True, slots=True)
class ChangeSource:
    """`changes` are fields of a source, in the domain's words."""

    name: str
    changes: Mapping[str, Any]
    request: Request
    at: datetime


async def change_source(database: Database, command: ChangeSource) -> Source:
    """Return the source as it is then. Raises NotFound."""
    async with database.transaction() as connection:
        known = await sources.lock(connection, command.name)
        changed = replace(known, **command.changes)
        if changed != known:
            await sources.save(connection, changed)
            payload = {"name": known.name, "changed": sorted(command.changes)}
            await events.publish(
                connection,
                make_audit_entry(
                    f"source/{known.name}",
                    "source.changed",
                    command.request,
                    command.at,
                    payload,
                    command.at.isoformat(),
                ),
            )
    return changed
