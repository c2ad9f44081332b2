"""Uploads of files with outages, what became of each, and the rows of those that are being checked."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import Instant, make_one_of, metadata
from domain.sla.bulk.import_plans import ImportMode

imports = Table(
    "imports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("filename", String(200), nullable=False),
    # The SHA-256 of the file.
    Column("digest", String(64), nullable=False),
    Column("imported", sa.BigInteger, nullable=False),
    Column("skipped", sa.BigInteger, nullable=False),
    # What was wrong with which rows; of many the first ones.
    Column("problems", JSONB, nullable=False),
    Column("imported_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    # The job that does it, where it is one; the job is forgotten before the import.
    Column("job_id", String(64), unique=True),
    Column("mode", String(20), nullable=False, server_default=text("'declare'")),
    Column("dry_run", sa.Boolean, nullable=False, server_default=text("false")),
    # How many rows were wrong.
    Column("wrong", sa.BigInteger, nullable=False, server_default=text("0")),
    sa.CheckConstraint("imported >= 0 AND skipped >= 0 AND wrong >= 0", name="counts"),
    sa.CheckConstraint(make_one_of("mode", ImportMode), name="mode"),
    Index("ix_imports_listing", text("created_at DESC"), text("id DESC")),
    Index("ix_imports_digest", "digest", postgresql_where=text("job_id IS NOT NULL")),
)

# The rows that a check has seen, while it goes on: it finds those that contradict each other in one file.
import_rows = Table(
    "import_rows",
    metadata,
    Column("job_id", String(64), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("outage_id", String(64), primary_key=True),
    Column("content", String(64), nullable=False),
    info={"rows_are_deleted": True},
)
