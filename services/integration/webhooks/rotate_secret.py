"""Give a subscription another secret; for a while its events are signed with both."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.postgres import events
from adapters.postgres.access import webhook_secrets
from adapters.postgres.database import Database
from domain.access.webhook_secrets import SigningSecret
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RotateSecret:
    webhook_id: str
    secret: SigningSecret
    overlap: timedelta
    request: Request
    at: datetime


async def rotate_secret(database: Database, command: RotateSecret) -> datetime:
    """Return when the secrets before it expire. Raises NotFound."""
    webhook_id, at, expires_at = command.webhook_id, command.at, command.at + command.overlap
    async with database.transaction() as connection:
        number = await webhook_secrets.add(connection, webhook_id, command.secret, at, expires_at)
        payload = {
            "number": number,
            "scheme": command.secret.scheme,
            "others_expire_at": format_instant(expires_at),
        }
        subject = f"webhook/{webhook_id}"
        await events.publish(
            connection,
            make_audit_entry(
                subject, "webhook.secret_rotated", command.request, at, payload, str(number)
            ),
        )
    return expires_at
