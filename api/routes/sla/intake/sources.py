"""/intake/sources: who may send alerts and notices, and when each was last heard."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, SecretStr

from adapters.credentials.secret_box import SecretBox
from adapters.postgres.sla.intake import sources
from adapters.time_zones import find_pinned_zone
from api.access.permissions import require
from api.bodies import Body, Text
from api.dependencies import Asked, CursorPaging, Database, Engine, Running
from api.protocol.next_cursors import GOES_ON, set_next_cursor
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.errors import Invalid
from domain.sla.intake.calendars.time_zones import NAME_MAX, find_zone
from domain.sla.intake.sources import (
    LABEL_MAX,
    NAME,
    OVERLAP,
    REPEAT_INTERVAL,
    SIGNING,
    TOKEN_PREFIX,
    VALUES_MAX,
    Source,
    SourceKind,
    SourceMapping,
    SourceSecrets,
    check_mapping,
    hash_source_token,
    make_mapping,
)
from services.sla.intake.change_source import ChangeSource
from services.sla.intake.change_source import change_source as change
from services.sla.intake.create_source import CreateSource
from services.sla.intake.create_source import create_source as create
from services.sla.intake.replace_secret import ReplaceSecret, replace_secret

router = APIRouter(prefix="/intake/sources", tags=["intake"])
READ = [require(Permission.OUTAGES_READ)]
MANAGE = [require(Permission.SOURCES_MANAGE)]
SourceName = Annotated[Text, Path(max_length=64)]
Interval = Annotated[int, Field(strict=True, ge=1, le=7 * 24 * 3600)]
HOUR = timedelta(hours=1)


class LabelRuleBody(Body):
    """The value of a label, translated by `values` if there are any; `default` where that gives none."""

    label: str | None = Field(default=None, min_length=1, max_length=LABEL_MAX)
    values: dict[Text, Text] = Field(default_factory=dict, max_length=VALUES_MAX)
    default: str | None = Field(default=None, min_length=1, max_length=LABEL_MAX)


class MappingBody(Body):
    """What the labels of an alert mean here; without a site and a severity it waits for a person."""

    site: LabelRuleBody = LabelRuleBody()
    service: LabelRuleBody = LabelRuleBody()
    severity: LabelRuleBody = LabelRuleBody()
    agreement: LabelRuleBody = LabelRuleBody()


class SourceBody(Body):
    """
    `time_zone` is that of local times in messages of Zabbix; `heartbeat`, the name of an alert that only
    shows that the source is heard; `signing_secret`, what PagerDuty showed for its signatures.
    """

    name: str = Field(pattern=f"^{NAME.pattern}$")
    kind: SourceKind
    time_zone: str = Field("UTC", max_length=NAME_MAX)
    mapping: MappingBody = MappingBody()
    repeat_interval_seconds: Interval = int(REPEAT_INTERVAL.total_seconds())
    heartbeat: str | None = Field(None, min_length=1, max_length=LABEL_MAX)
    signing_secret: SecretStr | None = Field(None, min_length=16, max_length=200)


class SourceChangeBody(Body):
    """What is named is changed. A source that is not enabled is not listened to."""

    time_zone: str | None = Field(None, max_length=NAME_MAX)
    mapping: MappingBody | None = None
    repeat_interval_seconds: Interval | None = None
    heartbeat: str | None = Field(None, min_length=1, max_length=LABEL_MAX)
    enabled: Annotated[bool | None, Field(strict=True)] = None


class ReplacementBody(Body):
    """The token before it is good for so many hours more; a secret of PagerDuty's is replaced at once."""

    overlap_hours: Annotated[int, Field(strict=True, ge=0, le=168)] = OVERLAP // HOUR
    signing_secret: SecretStr | None = Field(None, min_length=16, max_length=200)


class SourceView(BaseModel):
    """`is_silent`: not heard for three repeat intervals. Silence is not health."""

    name: str
    kind: SourceKind
    time_zone: str
    mapping: MappingBody
    repeat_interval_seconds: int
    heartbeat: str | None
    created_by: str
    created_at: datetime
    last_heard_at: datetime | None
    is_silent: bool
    truncated_at: datetime | None
    truncated_alerts: int
    disabled_at: datetime | None

    @classmethod
    def of(cls, source: Source) -> "SourceView":
        return cls(**describe_source(source))


class CreatedSourceView(SourceView):
    """The token is shown this once; there is none for a source that signs."""

    token: str | None


class ReplacedView(BaseModel):
    """The token is shown this once; `previous_until` is now for a secret of PagerDuty's."""

    token: str | None
    previous_until: datetime


def describe_source(source: Source) -> dict[str, Any]:
    known = asdict(source)
    seconds = int(known.pop("repeat_interval").total_seconds())
    silent = source.is_silent(datetime.now(UTC))
    return known | {"repeat_interval_seconds": seconds, "is_silent": silent}


@router.post("", dependencies=MANAGE, status_code=201, responses=declare_problems(409))
async def create_source(body: SourceBody, engine: Running, asked: Asked) -> CreatedSourceView:
    """Name a source. It sends to /intake/{kind}/{name}, with the token that is answered here."""
    find_zone("time_zone", body.time_zone, find_pinned_zone)
    proof, token = _make_secrets(engine, body.kind, body.signing_secret)
    source = Source(
        body.name,
        body.kind,
        body.time_zone,
        _parse_mapping(body.mapping),
        timedelta(seconds=body.repeat_interval_seconds),
        body.heartbeat,
        asked.actor,
        datetime.now(UTC),
    )
    await create(engine.database, CreateSource(source, proof, asked))
    return CreatedSourceView(**describe_source(source), token=token)


def _parse_mapping(body: MappingBody) -> SourceMapping:
    mapping = make_mapping(body.model_dump())
    check_mapping(mapping)
    return mapping


def _make_secrets(
    engine: Engine, kind: SourceKind, given: SecretStr | None
) -> tuple[SourceSecrets, str | None]:
    """Return what proves a message of a source, and the token that is shown, if there is one."""
    if kind in SIGNING:
        if given is None:
            raise Invalid(
                "signing_secret", "is missing: send what PagerDuty showed for its webhook"
            )
        box = SecretBox(engine.settings.webhook_secret_key.get_secret_value())
        return SourceSecrets(sealed=box.close(given.get_secret_value().encode())), None
    if given is not None:
        raise Invalid("signing_secret", f"is not for a source of {kind}, which has a token")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return SourceSecrets(token_digest=hash_source_token(token)), token


@router.get("", dependencies=READ, responses=GOES_ON)
async def list_sources(
    database: Database, paging: CursorPaging, response: Response
) -> list[SourceView]:
    """List the sources by their names, with when each was last heard."""
    async with database.autocommit() as connection:
        segment = paging.find_segment("sources", dated=False)
        found = await sources.list_page(connection, segment)
    set_next_cursor(response, paging.make_cursor("sources", found, "name"))
    return [SourceView.of(each) for each in found]


@router.patch("/{name}", dependencies=MANAGE, responses=declare_problems(404))
async def change_source(
    name: SourceName, body: SourceChangeBody, database: Database, asked: Asked
) -> SourceView:
    """Change what is named. Episodes that are there keep what they were mapped to."""
    now = datetime.now(UTC)
    wanted = ChangeSource(name, _list_changes(body, now), asked, now)
    return SourceView.of(await change(database, wanted))


def _list_changes(body: SourceChangeBody, now: datetime) -> Mapping[str, Any]:
    changes: dict[str, Any] = {}
    if body.time_zone is not None:
        find_zone("time_zone", body.time_zone, find_pinned_zone)
        changes["time_zone"] = body.time_zone
    if body.mapping is not None:
        changes["mapping"] = _parse_mapping(body.mapping)
    if body.repeat_interval_seconds is not None:
        changes["repeat_interval"] = timedelta(seconds=body.repeat_interval_seconds)
    if "heartbeat" in body.model_fields_set:
        changes["heartbeat"] = body.heartbeat
    if body.enabled is not None:
        changes["disabled_at"] = None if body.enabled else now
    return changes


@router.delete("/{name}", dependencies=MANAGE, status_code=204, responses=declare_problems(404))
async def disable_source(name: SourceName, database: Database, asked: Asked) -> Response:
    """Listen to a source no more. What it has sent stays, as evidence."""
    now = datetime.now(UTC)
    await change(database, ChangeSource(name, {"disabled_at": now}, asked, now))
    return Response(status_code=204)


@router.post("/{name}/secrets", dependencies=MANAGE, responses=declare_problems(404, 409))
async def replace_source_secret(
    name: SourceName, body: ReplacementBody, engine: Running, asked: Asked
) -> ReplacedView:
    """Give a source another token, or another secret of PagerDuty's."""
    async with engine.database.autocommit() as connection:
        source = await sources.get(connection, name)
    proof, token = _make_secrets(engine, source.kind, body.signing_secret)
    overlap = timedelta() if source.kind in SIGNING else body.overlap_hours * HOUR
    wanted = ReplaceSecret(
        name,
        asked,
        overlap,
        datetime.now(UTC),
        proof.token_digest,
        proof.sealed,
    )
    until = await replace_secret(engine.database, wanted)
    return ReplacedView(token=token, previous_until=until)
