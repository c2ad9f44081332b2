"""Uploads of files with outages, and what became of each."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import Instant, metadata

imports = Table(
    "imports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("filename", String(200), nullable=False),
    # The SHA-256 of the file.
    Column("digest", String(64), nullable=False),
    Column("imported", sa.Integer, nullable=False),
    Column("skipped", sa.Integer, nullable=False),
    # What was wrong with which rows.
    Column("problems", JSONB, nullable=False),
    Column("imported_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    sa.CheckConstraint("imported >= 0 AND skipped >= 0", name="counts"),
    Index("ix_imports_listing", text("created_at DESC"), text("id DESC")),
)
