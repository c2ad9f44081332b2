"""Put on record what became of an uploaded file."""

from dataclasses import dataclass

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import imports
from domain.audit import make_audit_entry
from domain.requests import Request
from domain.sla.imports import ImportRecord


@dataclass(frozen=True, slots=True)
class RecordImport:
    record: ImportRecord
    request: Request


async def record_import(database: Database, command: RecordImport) -> None:
    record = command.record
    payload = {
        "import_id": record.id,
        "filename": record.filename,
        "digest": record.digest,
        "imported": record.imported,
        "skipped": record.skipped,
        "errors": len(record.problems),
    }
    async with database.transaction() as connection:
        await imports.add(connection, record)
        subject = f"import/{record.id}"
        entry = make_audit_entry(
            subject, "import.recorded", command.request, record.created_at, payload
        )
        await events.publish(connection, entry)
