"""What the API opens at its start to know its callers, and closes at its end."""

import secrets
from datetime import UTC, datetime, timedelta

from adapters.credentials.passwords import PasswordHasher
from adapters.credentials.secret_box import SecretBox
from adapters.postgres.database import Database
from adapters.settings import ApiSettings
from api.access.credentials import AccessContext
from api.access.session_watch import SessionWatch
from api.access.token_keys import TokenKeys
from domain.requests import Request
from services.access.signing_keys.rotate_signing_key import RotateSigningKey, rotate_signing_key


async def open_access(settings: ApiSettings, database: Database) -> AccessContext:
    """Make the first signing key where there is none that this process can sign with."""
    box = SecretBox(settings.jwt_secret_key.get_secret_value())
    wanted = RotateSigningKey(
        secrets.token_bytes(32),
        timedelta(minutes=settings.jwt_access_token_minutes),
        Request("engine", "start"),
        datetime.now(UTC),
        only_if_none=True,
    )
    await rotate_signing_key(database, box, wanted)
    idle = timedelta(hours=settings.session_idle_hours)
    return AccessContext(
        settings,
        database,
        PasswordHasher(),
        TokenKeys(database, box),
        SessionWatch(database, idle),
    )


async def close_access(context: AccessContext) -> None:
    await context.watch.close()
    await context.hasher.close()
