"""What callers send: parsed strictly, then turned into the domain's own words."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from domain.digests import INTEGER_MAX
from domain.errors import Invalid
from domain.requests import Request
from domain.sla.outages import Location, Outage, Resolution
from domain.sla.verdicts import MTTR_MINUTES_MAX, Severity

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


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"must carry a time zone, for example {EXAMPLE}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999") from None


Text = Annotated[str, BeforeValidator(_storable)]
Instant = Annotated[datetime, BeforeValidator(_written), AfterValidator(_in_utc)]
Minutes = Annotated[int, Field(ge=0, le=MTTR_MINUTES_MAX, strict=True)]
Count = Annotated[int, Field(ge=0, le=INTEGER_MAX, strict=True)]


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

    def resolution(self, asked: Request) -> Resolution | None:
        """Return the repair, if there was one; a time is never silently dropped."""
        if self.status == "resolved":
            return Resolution(asked, self.resolved_at, self.mttr_minutes)
        for name in ("resolved_at", "mttr_minutes"):
            if getattr(self, name) is not None:
                raise Invalid(name, "may be sent only with status resolved")
        return None


class LocationBody(Body):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class OutageBody(StatusBody):
    """An outage to declare. With `status: resolved` it is resolved at once."""

    id: str = Field(max_length=64)
    site_name: str = Field(max_length=200)
    severity: Severity
    detected_at: Instant
    description: str = Field("", max_length=2000)
    site_id: str | None = Field(None, max_length=100)
    affected_services: list[str] = Field(default_factory=list, max_length=100)
    affected_subscribers: Count | None = None
    assigned_to: str | None = Field(None, max_length=200)
    location: LocationBody | None = None
    policy: str | None = Field(
        None, min_length=1, max_length=100, description="SLA policy; the default otherwise"
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
        )


class ResolveBody(Body):
    """When the service was back, or the minutes it took as stated by you (they win)."""

    resolved_at: Instant | None = None
    mttr_minutes: Minutes | None = None
    root_cause: str | None = Field(None, max_length=2000)
    resolution_notes: str | None = Field(None, max_length=2000)

    def resolution(self, asked: Request) -> Resolution:
        return Resolution(
            asked,
            self.resolved_at,
            self.mttr_minutes,
            self.root_cause,
            self.resolution_notes,
        )


class CancelBody(Body):
    reason: str = Field(min_length=1, max_length=300)


class AmendBody(StatusBody):
    """A partial update: only the fields sent are changed. `status: resolved` resolves as well."""

    site_name: str = Field("", min_length=1, max_length=200)
    site_id: str | None = Field(None, max_length=100)
    severity: Severity = Severity.LOW
    description: str = Field("", max_length=2000)
    affected_services: list[str] = Field(default_factory=list, max_length=100)
    affected_subscribers: Count | None = None
    assigned_to: str | None = Field(None, max_length=200)
    location: LocationBody | None = None
    root_cause: str | None = Field(None, max_length=2000)
    resolution_notes: str | None = Field(None, max_length=2000)

    def changes(self) -> dict[str, Any]:
        """Return what the caller sent, as plain JSON values."""
        sent = self.model_dump(mode="json", exclude_unset=True)
        return {name: sent[name] for name in sent if name not in StatusBody.model_fields}
