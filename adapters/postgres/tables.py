"""Every table, on one page. Money is bigint stroops, time is timestamptz in UTC."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)
Instant = DateTime(timezone=True)


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
    Column("version", Integer, primary_key=True),
    Column("effective_from", Instant, nullable=False),
    Column("dispute_window_seconds", Integer, nullable=False),
    Column("ruling_window_seconds", Integer, nullable=False),
    Column("terms", JSONB, nullable=False),
    # The contract's hash is an unsigned 64-bit number.
    Column("terms_hash", Numeric(20, 0), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    UniqueConstraint("name", "effective_from"),
    CheckConstraint("dispute_window_seconds >= 0", name="window"),
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
    Column("description", Text, nullable=False),
    Column("affected_services", JSONB, nullable=False),
    Column("affected_subscribers", BigInteger),
    Column("assigned_to", String(200)),
    Column("location", JSONB),
    Column("root_cause", Text),
    Column("resolution_notes", Text),
    Column("detected_at", Instant, nullable=False),
    Column("declared_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("dispute_deadline", Instant),
    Column("closed_at", Instant),
    Column("fingerprint", String(64), nullable=False),
    Column("correlation_id", String(100), nullable=False),
    Column("agreement", String(100), ForeignKey("agreements.name"), nullable=False),
    Column("policy", String(100), nullable=False),
    Column("policy_version", Integer, nullable=False),
    CheckConstraint("resolved_at IS NULL OR resolved_at >= detected_at", name="times"),
    Index("ix_outages_listing", text("detected_at DESC"), text("id DESC")),
    Index("ix_outages_status", "status", "detected_at"),
)

sla_results = Table(
    "sla_results",
    metadata,
    Column("outage_id", String(64), ForeignKey("outages.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("severity", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("payment_type", String(20), nullable=False),
    Column("rating", String(20), nullable=False),
    Column("mttr_minutes", BigInteger, nullable=False),
    Column("mttr_basis", String(20), nullable=False),
    Column("threshold_minutes", Integer, nullable=False),
    Column("amount_stroops", BigInteger, nullable=False),
    Column("policy", String(100), nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("judged_at", Instant, nullable=False),
    CheckConstraint("amount_stroops <> 0", name="amount"),
)

disputes = Table(
    "disputes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("outage_id", String(64), ForeignKey("outages.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("filed_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ruling_deadline", Instant, nullable=False),
    Column("ruled_by", String(200)),
    Column("ruled_at", Instant),
    Column("resolution_note", Text),
    Index(
        "uq_disputes_one_open",
        "outage_id",
        unique=True,
        postgresql_where=text("status = 'open'"),
    ),
)

payments = Table(
    "payments",
    metadata,
    Column("id", String(64), primary_key=True),
    # The muxed id on the chain: the join between chain and book.
    Column("number", BigInteger, Identity(always=True), unique=True, nullable=False),
    Column("outage_id", String(64), ForeignKey("outages.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("type", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("amount_stroops", BigInteger, nullable=False),
    Column("asset_code", String(12), nullable=False),
    Column("payer", String(20), nullable=False),
    Column("from_address", String(56), nullable=False),
    Column("to_address", String(56), nullable=False),
    Column("transaction_hash", String(64), unique=True),
    Column("ledger", BigInteger),
    Column("parked_reason", Text),
    Column("correlation_id", String(100), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    # An outage is settled once: a later correction is an adjustment with a revision of its own.
    UniqueConstraint("outage_id", "revision"),
    CheckConstraint("amount_stroops > 0", name="amount"),
    CheckConstraint(
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
    Column("sequence", BigInteger),
    # Held from RESERVE until the sequence is consumed.
    Column("payment_id", String(64), ForeignKey("payments.id"), unique=True),
    Column("quarantined", Boolean, nullable=False, server_default=text("false")),
    Column("used_at", Instant),
)

attempts = Table(
    "attempts",
    metadata,
    Column("payment_id", String(64), ForeignKey("payments.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("channel", String(56), ForeignKey("channels.address"), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("status", String(20), nullable=False),
    # Highest ledger bound over all bytes ever signed for this sequence.
    Column("max_ledger", BigInteger),
    Column("reason", Text),
    UniqueConstraint("channel", "sequence"),
    Index(
        "uq_attempts_one_open",
        "payment_id",
        unique=True,
        postgresql_where=text("status = 'open'"),
    ),
)

envelopes = Table(
    "envelopes",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("payment_id", String(64), nullable=False),
    Column("n", Integer, nullable=False),
    Column("xdr", Text, nullable=False),
    Column("fee_stroops", BigInteger, nullable=False),
    Column("max_ledger", BigInteger, nullable=False),
    Column("signed_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_envelopes_attempt", "payment_id", "n"),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("hash", String(64), ForeignKey("envelopes.hash"), nullable=False),
    Column("answer", Text, nullable=False),
    Column("sent_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_submissions_hash", "hash"),
)

entries = Table(
    "entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("payment_id", String(64), ForeignKey("payments.id"), nullable=False),
    Column("booked_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_entries_payment_id", "payment_id"),
)

postings = Table(
    "postings",
    metadata,
    Column("entry_id", String(64), ForeignKey("entries.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("account", String(100), nullable=False),
    Column("amount_stroops", BigInteger, nullable=False),
    CheckConstraint("amount_stroops <> 0", name="amount"),
    Index("ix_postings_account", "account"),
)

audit_leaves = Table(
    "audit_leaves",
    metadata,
    Column("sequence", BigInteger, Identity(always=True), primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("subject", String(100), nullable=False),
    Column("action", String(50), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # The exact bytes that were hashed, so that the proof never depends on our serialiser.
    Column("content", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    _xid(),
    Index("ix_audit_leaves_subject", "subject", "sequence"),
)

events = Table(
    "events",
    metadata,
    Column("sequence", BigInteger, Identity(always=True), primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("type", String(50), nullable=False),
    Column("outage_id", String(64), ForeignKey("outages.id"), nullable=False),
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
    Column("url", Text, nullable=False),
    Column("events", JSONB, nullable=False),
    Column("secret", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("event_id", String(64), ForeignKey("events.id"), nullable=False),
    Column("webhook_id", String(64), ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("status", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("response_code", Integer),
    Column("problem", Text),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    Column("delivered_at", Instant),
    UniqueConstraint("event_id", "webhook_id"),
    Index("ix_deliveries_webhook_id", "webhook_id", text("created_at DESC")),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
)
