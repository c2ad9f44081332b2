"""Integrity checks of the journal, and the violations they found. Time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

integrity_checks = Table(
    "integrity_checks",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("took_ms", sa.BigInteger, nullable=False),
    Column("broken", sa.Integer, nullable=False),
    Column("overdue", sa.Integer, nullable=False),
    Index("ix_integrity_checks_at", "at"),
)

violations = Table(
    "violations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("invariant", String(40), nullable=False),
    Column("overdue", sa.Boolean, nullable=False),
    Column("subject", sa.Text, nullable=False),
    Column("detail", sa.Text, nullable=False),
    # When it was found; if it was resolved and found again, when that was.
    Column("found_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Index("ix_violations_listing", text("found_at DESC"), text("id DESC")),
    Index("ix_violations_unresolved", "invariant", postgresql_where=text("resolved_at IS NULL")),
)
