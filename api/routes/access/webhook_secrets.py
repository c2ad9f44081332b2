"""/webhooks/{webhook_id}/secrets: what a receiver's events are signed with, and another in its place."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from adapters.postgres import webhooks
from adapters.postgres.access import webhook_secrets
from api.access.permissions import require
from api.bodies import Body, Text
from api.dependencies import Asked, Database, Running
from api.responses import declare_problems
from api.routes.webhooks import make_secret
from domain.access.permissions import Permission
from domain.access.webhook_secrets import OVERLAP_HOURS, OVERLAP_HOURS_MAX, SignatureScheme
from services.integration.webhooks.rotate_secret import RotateSecret, rotate_secret

router = APIRouter(prefix="/webhooks/{webhook_id}/secrets", tags=["webhooks"])
MANAGE = [require(Permission.WEBHOOKS_MANAGE)]
WebhookId = Annotated[Text, Path(max_length=64)]


class SecretBody(Body):
    """Events are signed with the secret before it too, for so many hours."""

    scheme: SignatureScheme = SignatureScheme.HMAC
    secret: str | None = Field(None, max_length=200)
    overlap_hours: Annotated[int, Field(strict=True, ge=0, le=OVERLAP_HOURS_MAX)] = OVERLAP_HOURS


class SecretView(BaseModel):
    number: int
    scheme: SignatureScheme
    public_key: str | None
    created_at: datetime
    expires_at: datetime | None


class RotatedView(BaseModel):
    """The secret is shown this once; with the scheme v1a there is a public key instead."""

    secret: str | None
    public_key: str | None
    others_expire_at: datetime


@router.get("", dependencies=MANAGE, responses=declare_problems(404))
async def list_secrets(webhook_id: WebhookId, database: Database) -> list[SecretView]:
    """The secrets that are or were signed with, the newest first; none of them is shown."""
    async with database.autocommit() as connection:
        await webhooks.require(connection, webhook_id)
        records = await webhook_secrets.list_records(connection, webhook_id)
    return [SecretView(**asdict(record)) for record in records]


@router.post("", dependencies=MANAGE, status_code=201, responses=declare_problems(404, 409))
async def rotate_webhook_secret(
    webhook_id: WebhookId, body: SecretBody, engine: Running, asked: Asked
) -> RotatedView:
    """Sign with another secret from now on; both signatures stand in the header until the old one expires."""
    secret, shown = make_secret(engine, body.scheme, body.secret)
    overlap = timedelta(hours=body.overlap_hours)
    wanted = RotateSecret(webhook_id, secret, overlap, asked, datetime.now(UTC))
    expires_at = await rotate_secret(engine.database, wanted)
    return RotatedView(secret=shown, public_key=secret.public_key, others_expire_at=expires_at)
