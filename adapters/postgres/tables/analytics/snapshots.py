"""Snapshots of the analytics: added, never changed."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

analytics_snapshots = Table(
    "analytics_snapshots",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("taken_at", Instant, nullable=False),
    Column("taken_by", String(200), nullable=False),
    # Canonical JSON, as it was hashed.
    Column("content", sa.Text, nullable=False),
    Column("checksum", String(64), nullable=False),
    Column("tzdata", String(20), nullable=False),
    # Which transactions it has seen, as pg_current_snapshot() wrote it.
    Column("seen", sa.Text, nullable=False),
    Index("ix_analytics_snapshots_listing", text("taken_at DESC"), text("id DESC")),
)
