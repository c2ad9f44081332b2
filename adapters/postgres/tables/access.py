"""API keys: who may call. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import Instant, make_one_of, metadata
from domain.access.permissions import Role

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    # While a key is rotated, two have one name.
    Column("name", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    # NULL: all that the role may.
    Column("scopes", JSONB(none_as_null=True)),
    # Whose it is: then it acts in that person's name.
    Column("person_id", String(40), sa.ForeignKey("people.id")),
    Column("digest", sa.LargeBinary, nullable=False, unique=True),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    sa.CheckConstraint(make_one_of("role", Role), name="role"),
    Index("ix_api_keys_name", "name"),
)
