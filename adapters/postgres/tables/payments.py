"""What is owed and how it is paid: payments, channels, attempts, signed bytes, their answers. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

LIVE = text("status <> 'failed'")

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
