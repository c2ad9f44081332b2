"""Give a source another token, or another secret to check its signatures with."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla.intake import sources
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.errors import Conflict
from domain.requests import Request
from domain.sla.intake.sources import SourceSecrets


@dataclass(frozen=True, slots=True)
class ReplaceSecret:
    """A token before it is good for the time of the overlap; a secret is replaced at once."""

    name: str
    request: Request
    overlap: timedelta
    at: datetime
    token_digest: bytes | None = field(default=None, repr=False)
    sealed: bytes | None = field(default=None, repr=False)


async def replace_secret(database: Database, command: ReplaceSecret) -> datetime:
    """
    Return until when the token before it is good. Raises NotFound, and Conflict while the token before the one of now
    is still good: there is room for one overlap, and a second one would end the first.
    """
    until = command.at + command.overlap
    async with database.transaction() as connection:
        await sources.lock(connection, command.name)
        known = await sources.load_secrets(connection, command.name)
        _refuse_overlaps(command, known)
        secrets = SourceSecrets(command.token_digest, known.token_digest, until, command.sealed)
        await sources.save_secrets(connection, command.name, secrets)
        payload = {"name": command.name, "others_expire_at": until}
        await events.publish(
            connection,
            make_audit_entry(
                f"source/{command.name}",
                "source.secret_replaced",
                command.request,
                command.at,
                payload,
                command.at.isoformat(),
            ),
        )
    return until


def _refuse_overlaps(command: ReplaceSecret, known: SourceSecrets) -> None:
    until = known.previous_until
    running = known.previous_digest is not None and until is not None and command.at < until
    if running and command.overlap and until is not None:
        raise Conflict(
            f"the token of source {command.name!r} was replaced already, and the one before it is good until "
            f"{format_instant(until)}: wait until then, or send overlap_hours 0, with which both end at once"
        )
