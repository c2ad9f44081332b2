"""Checks that events are what their schemas say: every member is named there, and of the kind that is named."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from jsonschema_rs import validator_for
from sqlalchemy import text

from adapters.postgres.database import Database
from domain.events import EventType
from domain.integration.event_schemas import make_body, make_schema


def close_schema(schema: Any) -> Any:
    """Return a schema that refuses members which it does not name; receivers get an open one."""
    if isinstance(schema, list):
        return [close_schema(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {name: close_schema(value) for name, value in schema.items()}
    if "properties" in schema:
        closed["additionalProperties"] = False
    return closed


def find_problems(
    type_: str, occurred_at: datetime, outage_sequence: int | None, data: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with the body of an event."""
    validator = validator_for(close_schema(make_schema(EventType(type_))), validate_formats=True)
    body = make_body(type_, occurred_at, outage_sequence, data)
    for error in validator.iter_errors(body):
        yield f"{type_} {'/'.join(map(str, error.instance_path))}: {error.message}"


async def check_events(database: Database) -> set[str]:
    """Check every event of a database; return the types that there are."""
    async with database.autocommit() as connection:
        rows = await connection.execute(
            text("SELECT type, occurred_at, outage_sequence, data FROM events ORDER BY sequence")
        )
        found = [tuple(row) for row in rows]
    problems = {problem for row in found for problem in find_problems(*row)}
    assert not problems, "\n".join(sorted(problems))
    return {row[0] for row in found}
