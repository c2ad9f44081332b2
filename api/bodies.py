"""What callers send: parsed strictly, then turned into the domain's own words."""

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from api.parsing import patterns
from domain.digests import INTEGER_MAX
from domain.errors import Invalid
from domain.requests import Request
from domain.sla.outage_rules import (
    AGE_MINUTES_MAX,
    AGREEMENT_NAME_MAX,
    ASSIGNED_TO_MAX,
    CANCEL_REASON_MAX,
    ID_MAX,
    LATITUDE_MAX,
    LONGITUDE_MAX,
    POLICY_NAME_MAX,
    PROSE_MAX,
    SERVICES_MAX,
    SITE_ID_MAX,
    SITE_NAME_MAX,
    check_id,
    check_services,
    check_site_name,
)
from domain.sla.outages import Location, Outage, Resolution
from domain.sla.verdicts import Severity, Terms

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", re.ASCII)
EXAMPLE = "2026-01-31T12:00:00Z"


def _storable(value: Any) -> Any:
    """Refuse what neither the database nor a workflow can hold: a step would fail on it for ever."""
    for text in value if isinstance(value, list) else [value]:
        if not isinstance(text, str):
            continue
        if "\x00" in text:
            raise ValueError("must not contain a null byte")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ValueError("must not contain half of a surrogate pair")
    return value


def _written(value: Any) -> Any:
    """A number would be read as seconds or milliseconds, whichever fits: too easily wrong."""
    if not isinstance(value, str) or not _INSTANT.match(value):
        raise ValueError(f"must be written like {EXAMPLE}")
    return value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"must carry a time zone, for example {EXAMPLE}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999") from None


def _by(rule: Callable[[Any], None]) -> AfterValidator:
    """Hold a field to a rule of the domain, in the domain's words."""

    def check(value: Any) -> Any:
        try:
            rule(value)
        except Invalid as error:
            raise ValueError(error.rule) from None
        return value

    return AfterValidator(check)


Text = Annotated[str, BeforeValidator(_storable)]
Instant = Annotated[datetime, BeforeValidator(_written), AfterValidator(_in_utc)]
# JSON has one kind of number: 5.0 is 5.
Minutes = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=AGE_MINUTES_MAX, strict=True)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=INTEGER_MAX, strict=True)]

OutageId = Annotated[str, Field(max_length=ID_MAX, json_schema_extra=patterns.ID), _by(check_id)]
SiteName = Annotated[
    str,
    Field(max_length=SITE_NAME_MAX, json_schema_extra=patterns.NOT_BLANK),
    _by(check_site_name),
]
Services = Annotated[list[str], Field(max_length=SERVICES_MAX), _by(check_services)]


class Body(BaseModel):
    """A misspelt field is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def storable(cls, value: Any) -> Any:
        return _storable(value)


class StatusBody(Body):
    """What may resolve an outage on the way: `status: resolved`, with the time of the repair."""

    status: Literal["open", "resolved"] = "open"
    resolved_at: Instant | None = None
    mttr_minutes: Minutes | None = None

    def timed(self) -> bool:
        return self.resolved_at is not None or self.mttr_minutes is not None

    def resolution(
        self, asked: Request, now: datetime, version: int | None = None
    ) -> Resolution | None:
        """Return the repair, if there was one, which is now unless a time is sent; none is ever dropped."""
        if self.status == "resolved":
            measured = self.resolved_at if self.timed() else now
            return Resolution(asked, measured, self.mttr_minutes, expected_version=version)
        for name in ("resolved_at", "mttr_minutes"):
            if getattr(self, name) is not None:
                raise Invalid(name, "may be sent only with status resolved")
        return None


class LocationBody(Body):
    latitude: float = Field(ge=-LATITUDE_MAX, le=LATITUDE_MAX)
    longitude: float = Field(ge=-LONGITUDE_MAX, le=LONGITUDE_MAX)


class OutageBody(StatusBody):
    """An outage to declare. With `status: resolved` it is resolved at once."""

    id: OutageId
    site_name: SiteName
    severity: Severity
    detected_at: Instant
    description: str = Field("", max_length=PROSE_MAX)
    site_id: str | None = Field(None, max_length=SITE_ID_MAX)
    affected_services: Services = Field(default_factory=list)
    affected_subscribers: Count | None = None
    assigned_to: str | None = Field(None, max_length=ASSIGNED_TO_MAX)
    location: LocationBody | None = None
    policy: str | None = Field(
        None,
        min_length=1,
        max_length=POLICY_NAME_MAX,
        description="SLA policy; the default otherwise.",
    )
    agreement: str | None = Field(
        None,
        min_length=1,
        max_length=AGREEMENT_NAME_MAX,
        description="One agreement; otherwise all that cover the site or the services.",
    )
    customer: str | None = Field(
        None, min_length=1, max_length=ID_MAX, description="Only agreements with this party."
    )

    def outage(self) -> Outage:
        place = self.location
        return Outage(
            id=self.id,
            site_name=self.site_name,
            severity=self.severity,
            detected_at=self.detected_at,
            description=self.description,
            site_id=self.site_id,
            affected_services=self.affected_services,
            affected_subscribers=self.affected_subscribers,
            assigned_to=self.assigned_to,
            location=None if place is None else Location(place.latitude, place.longitude),
            policy=self.policy,
            agreement=self.agreement,
            customer=self.customer,
        )


class ResolveBody(Body):
    """When the service was back, or the minutes it took as stated by you (they win)."""

    resolved_at: Instant | None = None
    mttr_minutes: Minutes | None = None
    root_cause: str | None = Field(None, max_length=PROSE_MAX)
    resolution_notes: str | None = Field(None, max_length=PROSE_MAX)

    def resolution(self, asked: Request, version: int | None = None) -> Resolution:
        return Resolution(
            asked,
            self.resolved_at,
            self.mttr_minutes,
            self.root_cause,
            self.resolution_notes,
            version,
        )


class TermsBody(Body):
    """Whole minutes and whole USDC."""

    threshold_minutes: int = Field(strict=True)
    penalty_per_minute: int = Field(strict=True)
    reward_base: int = Field(strict=True)

    @classmethod
    def of(cls, terms: Terms) -> "TermsBody":
        return cls(**asdict(terms))

    def terms(self) -> Terms:
        return Terms(self.threshold_minutes, self.penalty_per_minute, self.reward_base)


class CancelBody(Body):
    reason: str = Field(min_length=1, max_length=CANCEL_REASON_MAX)


class AmendBody(StatusBody):
    """A partial update: only the fields sent are changed. `status: resolved` resolves as well."""

    site_name: SiteName = ""
    site_id: str | None = Field(None, max_length=SITE_ID_MAX)
    severity: Severity = Severity.LOW
    description: str = Field("", max_length=PROSE_MAX)
    affected_services: Services = Field(default_factory=list)
    affected_subscribers: Count | None = None
    assigned_to: str | None = Field(None, max_length=ASSIGNED_TO_MAX)
    location: LocationBody | None = None
    root_cause: str | None = Field(None, max_length=PROSE_MAX)
    resolution_notes: str | None = Field(None, max_length=PROSE_MAX)

    def changes(self) -> dict[str, Any]:
        """Return what the caller sent, as plain JSON values."""
        sent = self.model_dump(mode="json", exclude_unset=True)
        return {name: sent[name] for name in sent if name not in StatusBody.model_fields}
