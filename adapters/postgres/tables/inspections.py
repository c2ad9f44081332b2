"""That the book was inspected, and what was found. Time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

inspections = Table(
    "inspections",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("took_ms", sa.BigInteger, nullable=False),
    Column("broken", sa.Integer, nullable=False),
    Column("overdue", sa.Integer, nullable=False),
    Index("ix_inspections_at", "at"),
)

findings = Table(
    "findings",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("invariant", String(20), nullable=False),
    Column("overdue", sa.Boolean, nullable=False),
    Column("subject", sa.Text, nullable=False),
    Column("detail", sa.Text, nullable=False),
    # The last time it was found without having stood before.
    Column("found_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("mended_at", Instant),
    Index("ix_findings_listing", text("found_at DESC"), text("id DESC")),
    Index("ix_findings_standing", "invariant", postgresql_where=text("mended_at IS NULL")),
)
