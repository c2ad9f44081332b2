"""API keys: who may call. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, String, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("digest", sa.LargeBinary, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
)
