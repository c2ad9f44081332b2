"""What the routes of access show: people, their sessions, API keys."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from api.access.credentials import AccessContext
from domain.access.api_keys import KeyRecord
from domain.access.people import PersonStatus
from domain.access.permissions import Permission, Role
from domain.access.sessions import EndReason, SessionRecord


class PersonView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    full_name: str | None
    role: Role
    stellar_wallet: str | None
    created_at: datetime
    party: str | None = None


class TokensView(BaseModel):
    """For clients that use tokens; a browser has its cookies, and needs none of it."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    expires_in: int
    user: PersonView


class SessionView(BaseModel):
    id: str
    email: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    client: str
    is_active: bool
    is_current: bool
    end_reason: EndReason | None

    @classmethod
    def of(
        cls, record: SessionRecord, context: AccessContext, current: str | None
    ) -> "SessionView":
        reason = record.find_end(datetime.now(UTC), context.idle)
        return cls(
            id=record.id,
            email=record.person.email,
            created_at=record.created_at,
            last_seen_at=record.last_seen_at,
            expires_at=record.expires_at,
            address=record.address,
            client=record.client,
            is_active=reason is None,
            is_current=record.id == current,
            end_reason=reason,
        )


class SessionsView(BaseModel):
    sessions: list[SessionView]
    total_count: int
    active_count: int


class LoggedOutView(BaseModel):
    message: str
    sessions_invalidated: int


class AdministeredView(PersonView):
    status: PersonStatus


class KeyView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    role: Role
    scopes: list[Permission] | None
    person_id: str | None
    party: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None

    @classmethod
    def of(cls, record: KeyRecord) -> "KeyView":
        return cls.model_validate(describe_key(record))


class GivenKeyView(KeyView):
    """The key is shown this once."""

    key: str


def describe_key(record: KeyRecord) -> dict[str, Any]:
    scopes = None if record.scopes is None else sorted(record.scopes)
    return asdict(record) | {"scopes": scopes}
