"""/webhooks: subscriptions to events, and their deliveries."""

import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from adapters.credentials.webhook_secrets import WebhookSigner
from adapters.postgres import webhooks
from adapters.subscribers.url_checks import check_url
from api.access.permissions import require
from api.bodies import Body, Instant, Text
from api.dependencies import Asked, Database, Engine, Running
from api.parsing import patterns
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.access.webhook_secrets import SignatureScheme, SigningSecret
from domain.digests import derive_id
from domain.errors import Invalid
from domain.events import EventType
from domain.webhooks import Subscription, decode_secret, encode_secret
from services.integration.webhooks.change_webhook import ChangeWebhook
from services.integration.webhooks.change_webhook import change_webhook as change
from services.integration.webhooks.create_webhook import CreateWebhook
from services.integration.webhooks.create_webhook import create_webhook as create
from services.integration.webhooks.delete_webhook import DeleteWebhook
from services.integration.webhooks.delete_webhook import delete_webhook as delete

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
MANAGE = [require(Permission.WEBHOOKS_MANAGE)]
WebhookId = Annotated[Text, Path(max_length=64)]


class WebhookBody(Body):
    """
    A secret of your own must be whsec_ and the base64 of 24 to 64 random bytes. With the scheme v1a there is
    none: events are signed with a key pair, and the answer has the public key.
    """

    scheme: SignatureScheme = SignatureScheme.HMAC
    url: str = Field(max_length=2000, json_schema_extra=patterns.URL)
    events: list[EventType] = Field(min_length=1)
    secret: str | None = Field(None, max_length=200)


class WebhookChange(Body):
    url: str | None = Field(None, max_length=2000, json_schema_extra=patterns.URL)
    events: list[EventType] | None = Field(None, min_length=1)
    active: Annotated[bool | None, Field(strict=True)] = None
    recover_since: Instant | None = None


class WebhookView(BaseModel):
    """
    `disabled_reason` says why the engine has paused it; what it should have received waits. At `probe_at` one of
    that is posted, to see whether it is back.
    """

    id: str
    url: str
    events: list[str]
    active: bool
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    failures: int = 0
    failing_since: datetime | None = None
    probe_at: datetime | None = None

    @classmethod
    def of(cls, record: Subscription) -> "WebhookView":
        return cls.model_validate(asdict(record))


class CreatedView(WebhookView):
    """The secret is shown this once; with the scheme v1a there is a public key instead."""

    secret: str | None
    public_key: str | None


@router.get("", dependencies=MANAGE)
async def list_webhooks(database: Database) -> list[WebhookView]:
    """List the subscriptions; no secret is shown."""
    async with database.autocommit() as connection:
        return [WebhookView.of(each) for each in await webhooks.list_subscriptions(connection)]


@router.post("", dependencies=MANAGE, status_code=201)
async def create_webhook(body: WebhookBody, engine: Running, asked: Asked) -> CreatedView:
    """Subscribe a receiver; every event is signed with the secret answered here."""
    await check_url(body.url, allow_private=engine.settings.webhook_allow_private)
    secret, shown = make_secret(engine, body.scheme, body.secret)
    webhook_id = derive_id("whk", secrets.token_hex(16))
    wanted = CreateWebhook(webhook_id, body.url, body.events, secret, asked, datetime.now(UTC))
    await create(engine.database, wanted)
    names = [str(name) for name in body.events]
    return CreatedView(
        id=webhook_id,
        url=body.url,
        events=names,
        active=True,
        secret=shown,
        public_key=secret.public_key,
    )


def make_secret(
    engine: Engine, scheme: SignatureScheme, wanted: str | None = None
) -> tuple[SigningSecret, str | None]:
    """Return a new secret of a scheme, or the one that is wanted, and what is shown of it."""
    if wanted is not None:
        if scheme is not SignatureScheme.HMAC:
            raise Invalid("secret", "is of the scheme v1 alone")
        encode_secret(decode_secret(wanted))
    signer = WebhookSigner(engine.settings.webhook_secret_key.get_secret_value())
    return signer.make_secret(scheme, wanted)


@router.patch(
    "/{webhook_id}", dependencies=MANAGE, status_code=204, responses=declare_problems(404)
)
async def change_webhook(
    webhook_id: WebhookId, body: WebhookChange, engine: Running, asked: Asked
) -> Response:
    """
    Change what is named. While `active` is false everything waits, and is delivered when it is true again;
    `recover_since` then delivers again, too, what was given up of the events since that instant.
    """
    changes = body.model_dump(mode="json", exclude_none=True, exclude={"recover_since"})
    now = datetime.now(UTC)
    if body.recover_since is not None and (body.active is not True or body.recover_since > now):
        raise Invalid("recover_since", "must be an instant of the past, and sent with active=true")
    if body.url is not None:
        await check_url(body.url, allow_private=engine.settings.webhook_allow_private)
    if not changes:
        async with engine.database.autocommit() as connection:
            await webhooks.require(connection, webhook_id)
        return Response(status_code=204)
    wanted = ChangeWebhook(webhook_id, changes, body.recover_since, asked, now)
    await change(engine.database, wanted)
    return Response(status_code=204)


@router.delete(
    "/{webhook_id}", dependencies=MANAGE, status_code=204, responses=declare_problems(404)
)
async def delete_webhook(webhook_id: WebhookId, database: Database, asked: Asked) -> Response:
    """Unsubscribe: nothing more is sent."""
    await delete(database, DeleteWebhook(webhook_id, asked, datetime.now(UTC)))
    return Response(status_code=204)


@router.get("/{webhook_id}", dependencies=MANAGE, responses=declare_problems(404))
async def get_webhook(webhook_id: WebhookId, database: Database) -> WebhookView:
    """Show one subscription; its secret is not shown again."""
    async with database.autocommit() as connection:
        return WebhookView.of(await webhooks.get(connection, webhook_id))
