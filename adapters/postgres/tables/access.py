"""API keys: who may call; idempotency keys: what they were answered. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import Instant, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("digest", sa.LargeBinary, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
)

# What a request with an Idempotency-Key was answered, written in the transaction of what it did.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("principal", sa.Text, primary_key=True),
    # The key itself opens the answer, so that only its SHA-256 is kept.
    Column("key_digest", sa.LargeBinary, primary_key=True),
    Column("fingerprint", sa.LargeBinary, nullable=False),
    Column("state", String(20), nullable=False),
    # Who carries it out, and until when that one is believed to be alive.
    Column("holder", String(32), nullable=False),
    Column("claimed_until", Instant, nullable=False),
    Column("response_status", sa.SmallInteger),
    Column("headers", JSONB),
    # Encrypted: it may hold a secret that is shown once.
    Column("body", sa.LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    sa.CheckConstraint("state IN ('in_flight', 'completed')", name="state"),
    sa.CheckConstraint(
        "(state = 'completed') = (response_status IS NOT NULL AND headers IS NOT NULL AND body IS NOT NULL)",
        name="completed",
    ),
    Index("ix_idempotency_keys_expires_at", "expires_at"),
    info={"rows_are_deleted": True},
)
