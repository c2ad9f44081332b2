"""Sources of alerts and notices, what they sent, and the episodes and maintenance windows in it."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import Instant, metadata

intake_sources = Table(
    "intake_sources",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    # The SHA-256 of its tokens; or the secret it signs with, encrypted.
    Column("token_digest", sa.LargeBinary),
    Column("previous_digest", sa.LargeBinary),
    Column("previous_until", Instant),
    Column("sealed", sa.LargeBinary),
    Column("time_zone", String(64), nullable=False),
    Column("mapping", JSONB, nullable=False),
    Column("repeat_interval_seconds", sa.Integer, nullable=False),
    Column("heartbeat", String(200)),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_heard_at", Instant),
    Column("truncated_at", Instant),
    Column("truncated_alerts", sa.Integer, nullable=False, server_default=text("0")),
    Column("disabled_at", Instant),
)

intake_messages = Table(
    "intake_messages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("source", String(64), sa.ForeignKey("intake_sources.name"), nullable=False),
    Column("digest", String(64), nullable=False),
    # The bytes as they came.
    Column("content", sa.LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("last_received_at", Instant, nullable=False),
    Column("times", sa.Integer, nullable=False, server_default=text("1")),
    Column("status", String(20), nullable=False),
    Column("problem", sa.Text),
    Index("ix_intake_messages_listing", text("received_at DESC"), text("id DESC")),
    Index("ix_intake_messages_status", "status", text("received_at DESC"), text("id DESC")),
    Index("ix_intake_messages_source", "source", text("received_at DESC"), text("id DESC")),
)

intake_episodes = Table(
    "intake_episodes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("source", String(64), sa.ForeignKey("intake_sources.name"), nullable=False),
    Column("fingerprint", String(200), nullable=False),
    Column("alert_start", Instant),
    Column("began_at", Instant),
    Column("ended_at", Instant),
    Column("status", String(20), nullable=False),
    Column("labels", JSONB, nullable=False),
    Column("summary", sa.Text, nullable=False),
    Column("group", sa.Text),
    Column("message_id", String(64), sa.ForeignKey("intake_messages.id"), nullable=False),
    Column("first_heard_at", Instant, nullable=False),
    Column("last_heard_at", Instant, nullable=False),
    Column("policy", String(100), nullable=False),
    Column("agreement", String(100), nullable=False),
    # Site, service, severity and agreement, by the mapping as it was then.
    Column("target", JSONB),
    Column("reason_code", String(40)),
    Column("reason", sa.Text),
    Column("ended_after", Instant),
    Column("ended_before", Instant),
    Column("retracted_end", Instant),
    Column("continues", String(64), sa.ForeignKey("intake_episodes.id")),
    Column("wants_reopening", sa.Boolean, nullable=False),
    Column("reopenings", sa.Integer, nullable=False),
    Column("decided_by", String(200)),
    Column("note", sa.Text),
    Column("tzdata", String(20)),
    Column("version", sa.Integer, nullable=False),
    # When a worker brings its outage in line with it; NULL while there is nothing to do.
    Column("due_at", Instant),
    Column("attempts", sa.Integer, nullable=False, server_default=text("0")),
    Index("ix_intake_episodes_fingerprint", "source", "fingerprint", "last_heard_at"),
    Index("ix_intake_episodes_listing", text("first_heard_at DESC"), text("id DESC")),
    Index("ix_intake_episodes_status", "status", text("first_heard_at DESC"), text("id DESC")),
    Index("ix_intake_episodes_source", "source", text("first_heard_at DESC"), text("id DESC")),
    Index(
        "ix_intake_episodes_open",
        "source",
        "last_heard_at",
        postgresql_where=text("status = 'open'"),
    ),
    Index("ix_intake_episodes_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("source", String(64), sa.ForeignKey("intake_sources.name"), nullable=False),
    Column("provider", String(200), nullable=False),
    Column("account", String(200)),
    Column("maintenance_id", String(200), nullable=False),
    Column("sequence", sa.BigInteger, nullable=False),
    Column("status", String(20), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    # Each with its impact.
    Column("circuits", JSONB, nullable=False),
    Column("summary", sa.Text, nullable=False),
    Column("noticed_at", Instant, nullable=False),
    Column("tzdata", String(20)),
    Column("message_id", String(64), sa.ForeignKey("intake_messages.id"), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    sa.CheckConstraint("ends_at > starts_at", name="times"),
    Index("ix_maintenance_windows_newest", "source", "provider", "maintenance_id", "sequence"),
    Index("ix_maintenance_windows_listing", text("starts_at DESC"), text("id DESC")),
)
