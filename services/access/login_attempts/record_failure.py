"""Count a login that failed, so that whoever guesses waits longer each time."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.access import login_attempts
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request

# The trail has an entry when somebody is at it this often.
NOTED_AT = 10


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """`place` says where from; `person` is None where nobody has the address that was typed."""

    counter: str
    place: str
    person: str | None
    correlation_id: str
    at: datetime


async def record_failure(database: Database, command: RecordFailure) -> None:
    at = command.at
    async with database.transaction() as connection:
        count = await login_attempts.count_failure(connection, command.counter, at)
        if count == NOTED_AT and command.person is not None:
            payload = {"failures": count, "place": command.place.partition("/")[0]}
            by = Request("engine", command.correlation_id)
            entry = make_audit_entry(
                f"person/{command.person}", "login.guessed", by, at, payload, format_instant(at)
            )
            await events.publish(connection, entry)
