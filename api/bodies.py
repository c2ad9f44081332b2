"""What callers send: parsed strictly, then turned into the domain's own words."""

from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.views import LocationView
from domain.outages import Location, Outage, Request, Resolution
from domain.sla import MTTR_MINUTES_MAX, Severity

Minutes = Annotated[int, Field(ge=0, le=MTTR_MINUTES_MAX, strict=True)]


class Body(BaseModel):
    """A misspelt field is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid")


class OutageBody(Body):
    """An outage to declare. With `status: resolved` it is resolved at once."""

    id: str = Field(max_length=64)
    site_name: str = Field(max_length=200)
    severity: Severity
    detected_at: AwareDatetime
    description: str = Field("", max_length=2000)
    site_id: str | None = Field(None, max_length=100)
    affected_services: list[str] = Field(default_factory=list, max_length=100)
    affected_subscribers: int | None = Field(None, ge=0, lt=2**63)
    assigned_to: str | None = Field(None, max_length=200)
    location: LocationView | None = None
    policy: str | None = Field(None, max_length=100, description="SLA policy; default otherwise")
    status: Literal["open", "resolved"] = "open"
    resolved_at: AwareDatetime | None = None
    mttr_minutes: Minutes | None = None

    def outage(self) -> Outage:
        place = self.location
        return Outage(
            id=self.id,
            site_name=self.site_name,
            severity=self.severity,
            detected_at=self.detected_at.astimezone(UTC),
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

    resolved_at: AwareDatetime | None = None
    mttr_minutes: Minutes | None = None
    root_cause: str | None = Field(None, max_length=2000)
    resolution_notes: str | None = Field(None, max_length=2000)

    def resolution(self, asked: Request) -> Resolution:
        at = self.resolved_at
        return Resolution(
            asked,
            None if at is None else at.astimezone(UTC),
            self.mttr_minutes,
            self.root_cause,
            self.resolution_notes,
        )


class CancelBody(Body):
    reason: str = Field(min_length=1, max_length=300)


class AmendBody(Body):
    """A partial update: only the fields sent are changed. `status: resolved` resolves as well."""

    site_name: str = Field("", min_length=1, max_length=200)
    site_id: str | None = Field(None, max_length=100)
    severity: Severity = Severity.LOW
    description: str = Field("", max_length=2000)
    affected_services: list[str] = Field(default_factory=list, max_length=100)
    affected_subscribers: int | None = Field(None, ge=0, lt=2**63)
    assigned_to: str | None = Field(None, max_length=200)
    location: LocationView | None = None
    root_cause: str | None = Field(None, max_length=2000)
    resolution_notes: str | None = Field(None, max_length=2000)
    status: Literal["open", "resolved"] = "open"
    resolved_at: AwareDatetime | None = None
    mttr_minutes: Minutes | None = None

    def changes(self) -> dict[str, Any]:
        """Return what the caller sent, as plain JSON values."""
        sent = self.model_dump(mode="json", exclude_unset=True)
        return {
            name: value
            for name, value in sent.items()
            if name not in ("status", "resolved_at", "mttr_minutes")
        }
