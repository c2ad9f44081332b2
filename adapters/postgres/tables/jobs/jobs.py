"""Jobs, and their files in chunks: no process needs a disk that another one sees."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import Instant, make_one_of, metadata
from domain.jobs.job_files import CHUNK_BYTES, CONTENT_TYPE_MAX, FILENAME_MAX, FileRole
from domain.jobs.jobs import ENDED, ID_MAX, JobKind, JobStatus

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(ID_MAX), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("asked_by", String(200), nullable=False),
    Column("correlation_id", String(100), nullable=False),
    Column("total", sa.BigInteger),
    Column("done", sa.BigInteger, nullable=False, server_default=text("0")),
    Column("checkpoint", JSONB),
    Column("result", JSONB),
    # Why it failed, or why its newest attempt did.
    Column("error", sa.Text),
    Column("attempts", sa.Integer, nullable=False, server_default=text("0")),
    # Since it last got on.
    Column("failures", sa.Integer, nullable=False, server_default=text("0")),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("expires_at", Instant),
    Column("cancel_requested_at", Instant),
    sa.CheckConstraint(make_one_of("kind", JobKind), name="kind"),
    sa.CheckConstraint(make_one_of("status", JobStatus), name="status"),
    sa.CheckConstraint("done >= 0 AND total >= 0", name="counts"),
    sa.CheckConstraint(
        f"{make_one_of('status', ENDED)} = (ended_at IS NOT NULL AND expires_at IS NOT NULL)",
        name="ended",
    ),
    sa.CheckConstraint("status <> 'failed' OR error IS NOT NULL", name="error"),
    Index("ix_jobs_listing", text("created_at DESC"), text("id DESC")),
    Index("ix_jobs_unfinished", "id", postgresql_where=text("ended_at IS NULL")),
    Index("ix_jobs_expired", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
    info={"rows_are_deleted": True},
)

# A file may be here before its job is: it is recorded when all of it has come.
job_files = Table(
    "job_files",
    metadata,
    Column("job_id", String(ID_MAX), primary_key=True),
    Column("role", String(10), primary_key=True),
    Column("filename", String(FILENAME_MAX), nullable=False),
    Column("content_type", String(CONTENT_TYPE_MAX), nullable=False),
    Column("size", sa.BigInteger),
    Column("sha256", String(64)),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    sa.CheckConstraint(make_one_of("role", FileRole), name="role"),
    sa.CheckConstraint("(size IS NULL) = (sha256 IS NULL)", name="whole"),
    info={"rows_are_deleted": True},
)

job_file_chunks = Table(
    "job_file_chunks",
    metadata,
    Column("job_id", String(ID_MAX), primary_key=True),
    Column("role", String(10), primary_key=True),
    Column("number", sa.Integer, primary_key=True),
    Column("content", sa.LargeBinary, nullable=False),
    sa.ForeignKeyConstraint(
        ["job_id", "role"], ["job_files.job_id", "job_files.role"], name="fk_job_file_chunks_file"
    ),
    sa.CheckConstraint(f"length(content) BETWEEN 1 AND {CHUNK_BYTES}", name="length"),
    info={"rows_are_deleted": True},
)
