"""Payments, channels, attempts, allocations, envelopes and submissions. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, make_one_of, metadata
from domain.reasons import ReasonCode
from domain.settlement.envelopes import SendStatus
from domain.settlement.payments import STOPPED, PaymentStatus

LIVE = text("status <> 'failed' AND NOT batched")

payments = Table(
    "payments",
    metadata,
    Column("id", String(64), primary_key=True),
    # The muxed id on the chain, derived, so that no restored database gives one out for another payment.
    Column("number", sa.BigInteger, unique=True, nullable=False),
    # The order in which payments became owed; nobody outside of this database knows it.
    Column("queue_number", sa.BigInteger, sa.Identity(always=True), nullable=False),
    Column("outage_id", String(64), sa.ForeignKey("outages.id"), nullable=False),
    Column("revision", sa.Integer, nullable=False),
    Column("type", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    Column("asset_code", String(12), nullable=False),
    Column("payer", String(20), nullable=False),
    Column("from_address", String(56), nullable=False),
    Column("to_address", String(56), nullable=False),
    # Not unique: one transaction may make many payments.
    Column("transaction_hash", String(64)),
    Column("ledger", sa.BigInteger),
    # Why it is on hold, blocked, in quarantine or in doubt: a code for programs, and a sentence for people.
    Column("reason_code", String(40)),
    Column("status_reason", sa.Text),
    Column("correlation_id", String(100), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    # Since when it is ready to be put in a batch.
    Column("batch_ready_at", Instant),
    # One payment for each revision: a later correction has a revision of its own.
    sa.UniqueConstraint("outage_id", "revision"),
    sa.CheckConstraint("amount_stroops > 0", name="amount"),
    sa.CheckConstraint("number > 0", name="number"),
    sa.CheckConstraint(
        "(status = 'confirmed') = (transaction_hash IS NOT NULL AND confirmed_at IS NOT NULL)",
        name="confirmed",
    ),
    sa.CheckConstraint(
        make_one_of("status", STOPPED) + " = (reason_code IS NOT NULL)"
        f" OR (status = '{PaymentStatus.SUBMITTED}' AND reason_code = '{ReasonCode.NODES_DISAGREE}')",
        name="stopped",
    ),
    sa.CheckConstraint("(reason_code IS NULL) = (status_reason IS NULL)", name="status_reason"),
    sa.CheckConstraint(make_one_of("reason_code", ReasonCode), name="reason_code"),
    Index("ix_payments_listing", text("created_at DESC"), text("id DESC")),
    Index("ix_payments_type", "type", text("created_at DESC"), text("id DESC")),
    Index("ix_payments_status", "status", text("created_at DESC"), text("id DESC")),
    Index("ix_payments_transaction_hash", "transaction_hash"),
    Index(
        *("ix_payments_unconfirmed", "id"),
        postgresql_where=text("status NOT IN ('confirmed', 'voided')"),
    ),
    Index("ix_payments_pending", "queue_number", postgresql_where=text("status = 'pending'")),
    Index(
        "ix_payments_batch_ready",
        "batch_ready_at",
        postgresql_where=text("batch_ready_at IS NOT NULL"),
    ),
)

channels = Table(
    "channels",
    metadata,
    Column("address", String(56), primary_key=True),
    # The last sequence known to be consumed; NULL until it was read from the network.
    Column("sequence", sa.BigInteger),
    # The last one that the network showed as consumed when a worker started. A database that was
    # restored may know less of a channel than that, and uses no sequence up to it.
    Column("read_sequence", sa.BigInteger),
    # Set from the reservation until the sequence is consumed.
    Column("payment_id", String(64), sa.ForeignKey("payments.id")),
    Column("quarantined", sa.Boolean, nullable=False, server_default=text("false")),
    Column("used_at", Instant),
)

attempts = Table(
    "attempts",
    metadata,
    # The lead payment: the only one, or the first of a batch.
    Column("payment_id", String(64), sa.ForeignKey("payments.id"), primary_key=True),
    Column("n", sa.Integer, primary_key=True),
    Column("channel", String(56), sa.ForeignKey("channels.address"), nullable=False),
    Column("sequence", sa.BigInteger, nullable=False),
    Column("status", String(20), nullable=False),
    # Highest ledger bound over all bytes ever signed for this sequence.
    Column("max_ledger", sa.BigInteger),
    Column("reason", sa.Text),
    Column("rail", String(10), nullable=False, server_default=text("'soroban'")),
    Column("batched", sa.Boolean, nullable=False, server_default=text("false")),
    # The number of its payments. Members may be removed before anything is signed: bytes are stored
    # only if this is still the number they were signed for.
    Column("members", sa.Integer, nullable=False, server_default=text("1")),
    Column("opened_at", Instant, nullable=False, server_default=text("now()")),
    # Released by a person: its bytes can never enter a ledger, so the next attempt uses its sequence.
    Column("sequence_unused", sa.Boolean, nullable=False, server_default=text("false")),
    Index(
        "uq_attempts_channel_sequence",
        "channel",
        "sequence",
        unique=True,
        postgresql_where=text("NOT sequence_unused"),
    ),
    # Formed of the survivors of a failed batch, which are resubmitted once and not twice.
    Column("resubmitted", sa.Boolean, nullable=False, server_default=text("false")),
    # Only a failed attempt may be followed by another: never an open one, never a success. For the
    # payments of a batch, the index on allocations enforces that.
    Index("uq_attempts_one_live", "payment_id", unique=True, postgresql_where=LIVE),
    info={"rows_are_deleted": True},
)

allocations = Table(
    "allocations",
    metadata,
    Column("lead_payment_id", String(64), primary_key=True),
    Column("n", sa.Integer, primary_key=True),
    Column("payment_id", String(64), sa.ForeignKey("payments.id"), primary_key=True),
    # The muxed id of the transfer: the number of this payment, or of the first one netted with it.
    Column("number", sa.BigInteger, nullable=False),
    # Whether that is the number of another payment. Most engines have none of these, and see it at a glance.
    Column("netted", sa.Boolean, nullable=False, server_default=text("false")),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    # True until the attempt has failed, or the payment was removed from it.
    Column("live", sa.Boolean, nullable=False, server_default=text("true")),
    Column("reason_code", String(40)),
    Column("reason", sa.Text),
    sa.CheckConstraint("(reason_code IS NULL) = (reason IS NULL)", name="reason"),
    sa.CheckConstraint(make_one_of("reason_code", ReasonCode), name="reason_code"),
    sa.ForeignKeyConstraint(["lead_payment_id", "n"], ["attempts.payment_id", "attempts.n"]),
    sa.CheckConstraint("amount_stroops > 0", name="amount"),
    # No two transactions can settle one payment.
    Index("uq_allocations_one_live", "payment_id", unique=True, postgresql_where=text("live")),
    Index("ix_allocations_number", "number"),
    Index("ix_allocations_netted", "payment_id", postgresql_where=text("netted")),
    info={"rows_are_deleted": True},
)

envelopes = Table(
    "envelopes",
    metadata,
    Column("hash", String(64), primary_key=True),
    # The hash of the transaction inside the fee bump, by which the chain shows it whatever the bid.
    Column("inner_hash", String(64), nullable=False),
    Column("payment_id", String(64), nullable=False),
    Column("n", sa.Integer, nullable=False),
    Column("xdr", sa.Text, nullable=False),
    Column("fee_stroops", sa.BigInteger, nullable=False),
    Column("max_ledger", sa.BigInteger, nullable=False),
    Column("signed_at", Instant, nullable=False, server_default=text("now()")),
    # Why these bytes pay nobody and only use up the sequence; empty for those that pay.
    Column("noop_reason", sa.Text, nullable=False, server_default=text("''")),
    Column("noop_reason_code", String(40)),
    sa.CheckConstraint("(noop_reason_code IS NULL) = (noop_reason = '')", name="noop_reason"),
    sa.CheckConstraint(make_one_of("noop_reason_code", ReasonCode), name="noop_reason_code"),
    Index("ix_envelopes_attempt", "payment_id", "n"),
    Index("ix_envelopes_inner_hash", "inner_hash"),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("hash", String(64), sa.ForeignKey("envelopes.hash"), nullable=False),
    Column("status", String(20), nullable=False),
    # The result code of a refusal, or the error when there was no answer.
    Column("detail", sa.Text, nullable=False, server_default=text("''")),
    sa.CheckConstraint(make_one_of("status", SendStatus), name="status"),
    Column("sent_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_submissions_hash", "hash"),
)
