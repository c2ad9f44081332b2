"""Give a source another token, or another secret to check its signatures with."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla.intake import sources
from domain.audit import make_audit_entry
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
    """Return until when the token before it is good. Raises NotFound."""
    until = command.at + command.overlap
    async with database.transaction() as connection:
        await sources.lock(connection, command.name)
        known = await sources.load_secrets(connection, command.name)
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
