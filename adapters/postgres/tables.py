"""Every table, on one page. Money is bigint stroops, time is timestamptz in UTC."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = sa.MetaData(naming_convention=NAMES)
Instant = sa.DateTime(timezone=True)
OPEN = text("status = 'open'")
LIVE = text("status <> 'failed'")


class Xid8(UserDefinedType[str]):
    """The writing transaction's id: readers use it to see rows in commit order, without gaps."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "xid8"


def _xid() -> Column[str]:
    return Column("xid", Xid8(), nullable=False, server_default=text("pg_current_xact_id()"))


policies = Table(
    "policies",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("version", sa.Integer, primary_key=True),
    Column("effective_from", Instant, nullable=False),
    Column("dispute_window_seconds", sa.Integer, nullable=False),
    Column("ruling_window_seconds", sa.Integer, nullable=False),
    Column("terms", JSONB, nullable=False),
    # The contract's hash is an unsigned 64-bit number.
    Column("terms_hash", sa.Numeric(20, 0), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    sa.UniqueConstraint("name", "effective_from"),
    sa.CheckConstraint("dispute_window_seconds >= 0", name="window"),
)

agreements = Table(
    "agreements",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("bond", String(56), nullable=False),
    Column("pool", String(56), nullable=False),
    Column("provider", String(56), nullable=False),
    Column("beneficiary", String(56), nullable=False),
)

outages = Table(
    "outages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("status", String(20), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("site_name", String(200), nullable=False),
    Column("site_id", String(100)),
    Column("description", sa.Text, nullable=False),
    Column("affected_services", JSONB, nullable=False),
    Column("affected_subscribers", sa.BigInteger),
    Column("assigned_to", String(200)),
    Column("location", JSONB),
    Column("root_cause", sa.Text),
    Column("resolution_notes", sa.Text),
    Column("detected_at", Instant, nullable=False),
    Column("declared_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("dispute_deadline", Instant),
    Column("closed_at", Instant),
    Column("fingerprint", String(64), nullable=False),
    Column("correlation_id", String(100), nullable=False),
    Column("agreement", String(100), sa.ForeignKey("agreements.name"), nullable=False),
    Column("policy", String(100), nullable=False),
    Column("policy_version", sa.Integer, nullable=False),
    sa.CheckConstraint("resolved_at IS NULL OR resolved_at >= detected_at", name="times"),
    Index("ix_outages_listing", text("detected_at DESC"), text("id DESC")),
    Index("ix_outages_status", "status", "detected_at"),
)

sla_results = Table(
    "sla_results",
    metadata,
    Column("outage_id", String(64), sa.ForeignKey("outages.id"), primary_key=True),
    Column("revision", sa.Integer, primary_key=True),
    Column("severity", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("payment_type", String(20), nullable=False),
    Column("rating", String(20), nullable=False),
    Column("mttr_minutes", sa.BigInteger, nullable=False),
    Column("mttr_basis", String(20), nullable=False),
    Column("threshold_minutes", sa.Integer, nullable=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    Column("policy", String(100), nullable=False),
    Column("policy_version", sa.Integer, nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("judged_at", Instant, nullable=False),
    sa.CheckConstraint("amount_stroops <> 0", name="amount"),
)

disputes = Table(
    "disputes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("outage_id", String(64), sa.ForeignKey("outages.id"), nullable=False),
    Column("revision", sa.Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("reason", sa.Text, nullable=False),
    Column("filed_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ruling_deadline", Instant, nullable=False),
    Column("ruled_by", String(200)),
    Column("ruled_at", Instant),
    Column("resolution_note", sa.Text),
    Index("uq_disputes_one_open", "outage_id", unique=True, postgresql_where=OPEN),
)

payments = Table(
    "payments",
    metadata,
    Column("id", String(64), primary_key=True),
    # The muxed id on the chain: the join between chain and book.
    Column("number", sa.BigInteger, sa.Identity(always=True), unique=True, nullable=False),
    Column("outage_id", String(64), sa.ForeignKey("outages.id"), nullable=False),
    Column("revision", sa.Integer, nullable=False),
    Column("type", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    Column("asset_code", String(12), nullable=False),
    Column("payer", String(20), nullable=False),
    Column("from_address", String(56), nullable=False),
    Column("to_address", String(56), nullable=False),
    Column("transaction_hash", String(64), unique=True),
    Column("ledger", sa.BigInteger),
    Column("parked_reason", sa.Text),
    Column("correlation_id", String(100), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    # An outage is settled once: a later correction is an adjustment with a revision of its own.
    sa.UniqueConstraint("outage_id", "revision"),
    sa.CheckConstraint("amount_stroops > 0", name="amount"),
    sa.CheckConstraint(
        "(status = 'confirmed') = (transaction_hash IS NOT NULL AND confirmed_at IS NOT NULL)",
        name="confirmed",
    ),
    Index("ix_payments_listing", text("created_at DESC"), text("id DESC")),
)

channels = Table(
    "channels",
    metadata,
    Column("address", String(56), primary_key=True),
    # The last sequence known to be consumed; NULL until it was read from the network.
    Column("sequence", sa.BigInteger),
    # Held from RESERVE until the sequence is consumed.
    Column("payment_id", String(64), sa.ForeignKey("payments.id"), unique=True),
    Column("quarantined", sa.Boolean, nullable=False, server_default=text("false")),
    Column("used_at", Instant),
)

attempts = Table(
    "attempts",
    metadata,
    Column("payment_id", String(64), sa.ForeignKey("payments.id"), primary_key=True),
    Column("n", sa.Integer, primary_key=True),
    Column("channel", String(56), sa.ForeignKey("channels.address"), nullable=False),
    Column("sequence", sa.BigInteger, nullable=False),
    Column("status", String(20), nullable=False),
    # Highest ledger bound over all bytes ever signed for this sequence.
    Column("max_ledger", sa.BigInteger),
    Column("reason", sa.Text),
    sa.UniqueConstraint("channel", "sequence"),
    # Only a failed attempt may be followed by another: never an open one, never a success.
    Index("uq_attempts_one_live", "payment_id", unique=True, postgresql_where=LIVE),
)

envelopes = Table(
    "envelopes",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("payment_id", String(64), nullable=False),
    Column("n", sa.Integer, nullable=False),
    Column("xdr", sa.Text, nullable=False),
    Column("fee_stroops", sa.BigInteger, nullable=False),
    Column("max_ledger", sa.BigInteger, nullable=False),
    Column("signed_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_envelopes_attempt", "payment_id", "n"),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("hash", String(64), sa.ForeignKey("envelopes.hash"), nullable=False),
    Column("answer", sa.Text, nullable=False),
    Column("sent_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_submissions_hash", "hash"),
)

entries = Table(
    "entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("payment_id", String(64), sa.ForeignKey("payments.id"), nullable=False),
    Column("booked_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_entries_payment_id", "payment_id"),
)

postings = Table(
    "postings",
    metadata,
    Column("entry_id", String(64), sa.ForeignKey("entries.id"), primary_key=True),
    Column("line", sa.Integer, primary_key=True),
    Column("account", String(100), nullable=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount_stroops <> 0", name="amount"),
    Index("ix_postings_account", "account"),
)

audit_leaves = Table(
    "audit_leaves",
    metadata,
    Column("sequence", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("subject", String(100), nullable=False),
    Column("action", String(50), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # The exact bytes that were hashed, so that the proof never depends on our serialiser.
    Column("content", sa.LargeBinary, nullable=False),
    Column("hash", sa.LargeBinary, nullable=False),
    _xid(),
    Index("ix_audit_leaves_subject", "subject", "sequence"),
)

events = Table(
    "events",
    metadata,
    Column("sequence", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("type", String(50), nullable=False),
    Column("outage_id", String(64), sa.ForeignKey("outages.id"), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("data", JSONB, nullable=False),
    _xid(),
    Index("ix_events_outage_id", "outage_id", "sequence"),
    Index("ix_events_feed", "xid", "sequence"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("url", sa.Text, nullable=False),
    Column("events", JSONB, nullable=False),
    Column("secret", sa.Text, nullable=False),
    Column("active", sa.Boolean, nullable=False, server_default=text("true")),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    # Kept, because what was delivered is part of an outage's history.
    Column("deleted_at", Instant),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("event_id", String(64), sa.ForeignKey("events.id"), nullable=False),
    Column("webhook_id", String(64), sa.ForeignKey("webhooks.id"), nullable=False),
    Column("status", String(20), nullable=False),
    Column("attempts", sa.Integer, nullable=False, server_default=text("0")),
    Column("response_code", sa.Integer),
    Column("problem", sa.Text),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    Column("delivered_at", Instant),
    sa.UniqueConstraint("event_id", "webhook_id"),
    Index("ix_deliveries_webhook_id", "webhook_id", text("created_at DESC")),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("digest", sa.LargeBinary, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
)
