"""
/intake/{kind}/{source}: where sources send what they have to say.

An answer of 200 says that all of it is on record. These routes never answer 429, which Alertmanager does
not repeat, and never redirect, which it follows without the body; what is overloaded answers 503.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from fastapi import Request as HttpRequest
from pydantic import BaseModel

from adapters.credentials.secret_box import SecretBox
from adapters.postgres.sla.intake import sources
from adapters.time_zones import TZDATA, find_pinned_zone
from api.access.permissions import PUBLIC
from api.bodies import Text
from api.dependencies import Engine, Running
from api.responses import declare_problems
from domain.errors import Invalid, Unauthenticated, Unavailable
from domain.requests import Request
from domain.sla.intake.calendars.time_zones import find_zone
from domain.sla.intake.formats.alertmanager import read_alertmanager
from domain.sla.intake.formats.maintenance_notices import read_maintenance_notice
from domain.sla.intake.formats.pagerduty import read_pagerduty
from domain.sla.intake.formats.signatures import is_pagerduty_signature
from domain.sla.intake.formats.statuspage import read_statuspage
from domain.sla.intake.formats.zabbix import read_zabbix
from domain.sla.intake.messages import AlertMessage, read_json
from domain.sla.intake.sources import Source, SourceKind, SourceSecrets, is_token_known
from services.sla.intake.receive_alerts import ReceiveAlerts, ReceivedAlerts, receive_alerts
from services.sla.intake.receive_notice import ReceiveNotice, receive_notice

router = APIRouter(
    prefix="/intake",
    tags=["intake"],
    dependencies=[PUBLIC],
    responses=declare_problems(401, 413),
)
SourceName = Annotated[Text, Path(max_length=64)]
Authorization = Annotated[str | None, Header(max_length=500)]
# A larger message is read beside the event loop.
LARGE_BYTES = 65_536
REFUSED = (
    "the source is not known, or it does not listen, or this is not its token or signature: "
    "see the source in /intake/sources"
)
JSON_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
CALENDAR_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"text/calendar": {"schema": {"type": "string", "minLength": 1}}},
    }
}


class ReceivedView(BaseModel):
    """`repeated`: these bytes were on record. `asking`: of the changed episodes, those that need a person."""

    message_id: str
    repeated: bool
    alerts: int
    changed: int
    asking: int
    truncated: int


class ReceivedNoticeView(BaseModel):
    """`problem` is why a person has to read the notice; then none of it counts."""

    message_id: str
    repeated: bool
    problem: str | None
    windows: list[str]


@router.post("/alertmanager/{source}", openapi_extra=JSON_BODY)
async def receive_alertmanager(
    source: SourceName, request: HttpRequest, engine: Running, authorization: Authorization = None
) -> ReceivedView:
    """Alertmanager's webhook, version 4. Authorization: Bearer, with the token of the source."""
    known = await _admit(engine, source, SourceKind.ALERTMANAGER, _read_bearer(authorization))
    return await _receive(engine, request, known, read_alertmanager)


@router.post("/pagerduty/{source}", openapi_extra=JSON_BODY)
async def receive_pagerduty(
    source: SourceName,
    request: HttpRequest,
    engine: Running,
    signature: Annotated[str | None, Header(alias="X-PagerDuty-Signature", max_length=2000)] = None,
) -> ReceivedView:
    """PagerDuty's webhook, version 3. X-PagerDuty-Signature is checked with the secret of the source."""
    known, proof = await _find(engine, source, SourceKind.PAGERDUTY)
    secret = _open_secret(engine, proof)
    if not is_pagerduty_signature(secret, await request.body(), signature or ""):
        raise Unauthenticated(REFUSED)
    return await _receive(engine, request, known, read_pagerduty)


@router.post("/statuspage/{source}", openapi_extra=JSON_BODY)
async def receive_statuspage(
    source: SourceName,
    request: HttpRequest,
    engine: Running,
    token: Annotated[Text, Query(max_length=200)] = "",
) -> ReceivedView:
    """Statuspage's webhook, which is neither signed nor has headers: the token stands in its address."""
    known = await _admit(engine, source, SourceKind.STATUSPAGE, token)
    return await _receive(engine, request, known, read_statuspage)


@router.post("/zabbix/{source}", openapi_extra=JSON_BODY)
async def receive_zabbix(
    source: SourceName, request: HttpRequest, engine: Running, authorization: Authorization = None
) -> ReceivedView:
    """What the script of docs/intake.md sends. Local times are those of the source's time zone."""
    known = await _admit(engine, source, SourceKind.ZABBIX, _read_bearer(authorization))
    zone = find_zone("time_zone", known.time_zone, find_pinned_zone)
    return await _receive(engine, request, known, lambda body: read_zabbix(body, zone), TZDATA)


@router.post("/maintnote/{source}", openapi_extra=CALENDAR_BODY)
async def receive_maintnote(
    source: SourceName, request: HttpRequest, engine: Running, authorization: Authorization = None
) -> ReceivedNoticeView:
    """A maintenance notice, as BCOP MAINTNOTE in iCalendar. What is doubtful in it waits for a person."""
    known = await _admit(engine, source, SourceKind.MAINTNOTE, _read_bearer(authorization))
    content, problem = await request.body(), None
    try:
        windows = read_maintenance_notice(content, find_pinned_zone, TZDATA)
    except Invalid as error:
        windows, problem = [], str(error)
    asked = Request(f"source/{known.name}", request.state.correlation_id)
    wanted = ReceiveNotice(known.name, content, windows, problem, asked, datetime.now(UTC))
    received = await receive_notice(engine.database, wanted)
    return ReceivedNoticeView.model_validate(received, from_attributes=True)


def _read_bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _find(engine: Engine, name: str, kind: SourceKind) -> tuple[Source, SourceSecrets]:
    async with engine.database.autocommit() as connection:
        source, proof = await sources.find(connection, name)
    if source is None or proof is None or source.kind is not kind or source.disabled_at is not None:
        raise Unauthenticated(REFUSED)
    return source, proof


async def _admit(engine: Engine, name: str, kind: SourceKind, token: str) -> Source:
    source, proof = await _find(engine, name, kind)
    if not is_token_known(proof, token, datetime.now(UTC)):
        raise Unauthenticated(REFUSED)
    return source


def _open_secret(engine: Engine, proof: SourceSecrets) -> bytes:
    box = SecretBox(engine.settings.webhook_secret_key.get_secret_value())
    opened = None if proof.sealed is None else box.open(proof.sealed)
    if opened is None:
        raise Unavailable("the secret of the source was encrypted with another WEBHOOK_SECRET_KEY")
    return opened


async def _receive(
    engine: Engine,
    request: HttpRequest,
    source: Source,
    read: Callable[[dict[str, Any]], AlertMessage],
    tzdata: str | None = None,
) -> ReceivedView:
    """Put a message on record with all that it changes."""
    content = await request.body()
    if len(content) > LARGE_BYTES:
        message = await asyncio.to_thread(lambda: read(read_json(content)))
    else:
        message = read(read_json(content))
    wanted = ReceiveAlerts(
        source.name,
        content,
        message,
        engine.settings.sla_policy,
        engine.settings.sla_agreement,
        tzdata,
        Request(f"source/{source.name}", request.state.correlation_id),
        datetime.now(UTC),
    )
    received: ReceivedAlerts = await receive_alerts(engine.database, wanted)
    return ReceivedView.model_validate(received, from_attributes=True)
