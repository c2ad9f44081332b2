"""Name a source of alerts or notices, with what proves that a message is its own."""

from dataclasses import dataclass, field

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla.intake import sources
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.requests import Request
from domain.sla.intake.sources import Source, SourceSecrets


@dataclass(frozen=True, slots=True)
class CreateSource:
    source: Source
    secrets: SourceSecrets = field(repr=False)
    request: Request


async def create_source(database: Database, command: CreateSource) -> None:
    source = command.source
    async with database.transaction() as connection:
        if not await sources.add(connection, source, command.secrets):
            raise Conflict(f"there is a source {source.name!r} already: use another name")
        payload = {"name": source.name, "kind": source.kind, "time_zone": source.time_zone}
        await events.publish(
            connection,
            make_audit_entry(
                f"source/{source.name}",
                "source.created",
                command.request,
                source.created_at,
                payload,
            ),
        )
