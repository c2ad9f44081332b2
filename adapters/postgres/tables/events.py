"""Audit entries, events, webhooks and deliveries. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import Instant, make_one_of, make_xid_column, metadata
from domain.access.webhook_secrets import SignatureScheme

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("sequence", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("subject", String(100), nullable=False),
    Column("action", String(50), nullable=False),
    # These two stand in the content as well; here they can be looked for.
    Column("actor", sa.Text, nullable=False),
    Column("correlation_id", sa.Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # The exact bytes that were hashed, so that the proof never depends on our serialiser.
    Column("content", sa.LargeBinary, nullable=False),
    Column("hash", sa.LargeBinary, nullable=False),
    make_xid_column(),
    Index("ix_audit_entries_subject", "subject", "sequence"),
    Index("ix_audit_entries_action", "action", "sequence"),
    Index("ix_audit_entries_actor", "actor", "sequence"),
    Index("ix_audit_entries_correlation_id", "correlation_id", "sequence"),
    Index("ix_audit_entries_recorded_at", "recorded_at", "sequence"),
)

events = Table(
    "events",
    metadata,
    Column("sequence", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("type", String(50), nullable=False),
    # The change that it reports.
    Column("entry_id", String(64), sa.ForeignKey("audit_entries.id"), nullable=False),
    # NULL for an event about the engine itself.
    Column("outage_id", String(64), sa.ForeignKey("outages.id")),
    # From 1 on, without a gap, for each outage; NULL for an event about the engine itself.
    Column("outage_sequence", sa.Integer),
    Column("occurred_at", Instant, nullable=False),
    Column("data", JSONB, nullable=False),
    # The W3C traceparent of what published it, so that its deliveries go on in that trace.
    Column("trace", String(55)),
    make_xid_column(),
    sa.UniqueConstraint("outage_id", "outage_sequence"),
    sa.CheckConstraint("(outage_id IS NULL) = (outage_sequence IS NULL)", name="numbered"),
    Index("ix_events_outage_id", "outage_id", "sequence"),
    Index("ix_events_feed", "xid", "sequence"),
)

# How many events of an outage there are. Its row is locked by whoever publishes the next one.
event_counts = Table(
    "event_counts",
    metadata,
    Column("outage_id", String(64), sa.ForeignKey("outages.id"), primary_key=True),
    Column("last", sa.Integer, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("url", sa.Text, nullable=False),
    Column("events", JSONB, nullable=False),
    Column("active", sa.Boolean, nullable=False, server_default=text("true")),
    # By the engine, because it only failed; cleared when a person activates it.
    Column("disabled_at", Instant),
    Column("disabled_reason", sa.Text),
    # When one of what waits is posted to see whether it is back; NULL when nothing is.
    Column("probe_at", Instant),
    # Attempts that failed since the last one that did not, and when the first of them did.
    Column("failures", sa.Integer, nullable=False, server_default=text("0")),
    Column("failing_since", Instant),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    # A deleted webhook keeps its row, because its deliveries are part of an outage's history.
    Column("deleted_at", Instant),
)

# What its events are signed with: the newest, and while a receiver changes over, the one before.
webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("webhook_id", String(64), sa.ForeignKey("webhooks.id"), primary_key=True),
    Column("number", sa.Integer, primary_key=True),
    Column("scheme", String(3), nullable=False),
    # Encrypted with WEBHOOK_SECRET_KEY.
    Column("secret", sa.LargeBinary, nullable=False),
    # Of a key pair, what receivers verify by.
    Column("public_key", sa.Text),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    sa.CheckConstraint(make_one_of("scheme", SignatureScheme), name="scheme"),
    info={"rows_are_deleted": True},
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("event_id", String(64), sa.ForeignKey("events.id"), nullable=False),
    Column("webhook_id", String(64), sa.ForeignKey("webhooks.id"), nullable=False),
    Column("status", String(20), nullable=False),
    Column("attempts", sa.Integer, nullable=False, server_default=text("0")),
    # So many of them before somebody had it tried again: then the pauses begin anew.
    Column("earlier_attempts", sa.Integer, nullable=False, server_default=text("0")),
    Column("response_code", sa.Integer),
    Column("problem", sa.Text),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    Column("delivered_at", Instant),
    # NULL once it has ended.
    Column("next_attempt_at", Instant),
    # When the dispatcher takes it up; NULL while a workflow has it, and once it has ended.
    Column("due_at", Instant),
    # Until then somebody is about to post it: a dispatcher that is killed holds it no longer.
    Column("leased_until", Instant),
    sa.UniqueConstraint("event_id", "webhook_id"),
    Index("ix_deliveries_due", "webhook_id", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("ix_deliveries_webhook_id", "webhook_id", text("created_at DESC"), text("id DESC")),
    # Nearly all succeeded, and are listed with the others.
    Index(
        *("ix_deliveries_status", "webhook_id", "status", text("created_at DESC"), text("id DESC")),
        postgresql_where=text("status <> 'success'"),
    ),
    Index("ix_deliveries_pending", "id", postgresql_where=text("status = 'pending'")),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", String(64), sa.ForeignKey("deliveries.id"), primary_key=True),
    Column("attempt", sa.Integer, primary_key=True),
    Column("attempted_at", Instant, nullable=False),
    Column("latency_ms", sa.Integer, nullable=False),
    Column("response_code", sa.Integer),
    Column("problem", sa.Text),
    # The beginning of what the receiver answered.
    Column("excerpt", sa.Text),
)
