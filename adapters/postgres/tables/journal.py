"""The double-entry journal, its integrity checks and the violations they found. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, make_xid_column, metadata

ENTRY_KINDS = (
    *("accrual", "reservation", "release", "settlement"),
    *("reversal", "correction", "adjustment", "resolution"),
)
ACCOUNT_KINDS = ("asset", "liability", "expense")

ACCRUAL = text("kind = 'accrual'")


def _make_one_of(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


accounts = Table(
    "accounts",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("currency", String(12), primary_key=True),
    Column("kind", String(20), nullable=False),
    # The least it may hold, in the sign of its kind: a liability is what we owe. Each part of a
    # balance is checked alone, which works because the only floor is zero.
    Column("floor_stroops", sa.BigInteger),
    sa.CheckConstraint(_make_one_of("kind", ACCOUNT_KINDS), name="kind"),
    sa.CheckConstraint("floor_stroops = 0", name="floor"),
)

balances = Table(
    "balances",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("currency", String(12), primary_key=True),
    # A part of the balance, so that transactions that post at the same time seldom wait for each other.
    Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(["account", "currency"], ["accounts.name", "accounts.currency"]),
    # The same row is updated again and again: free space on its page spares the index.
    postgresql_with={"fillfactor": "50"},
)

entries = Table(
    "entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    # No foreign key: an accrual is posted when the verdict is judged, and the payment inserted when
    # it is final. The adjustment of a break may belong to no payment.
    Column("payment_id", String(64)),
    Column("currency", String(12), nullable=False),
    # The number of its postings: none can be added later or be lost.
    Column("lines", sa.SmallInteger, nullable=False),
    Column("slot", sa.SmallInteger, nullable=False),
    Column("corrects", String(64), sa.ForeignKey("entries.id")),
    Column("transaction_hash", String(64)),
    Column("posted_at", Instant, nullable=False, server_default=text("now()")),
    # By which it is known whether a snapshot of the analytics has seen it.
    make_xid_column(),
    sa.CheckConstraint(_make_one_of("kind", ENTRY_KINDS), name="kind"),
    sa.CheckConstraint(
        "payment_id IS NOT NULL OR kind IN ('adjustment', 'resolution')", name="payment"
    ),
    sa.CheckConstraint(
        "(corrects IS NOT NULL) = (kind IN ('release', 'reversal', 'correction'))", name="corrects"
    ),
    sa.CheckConstraint(
        "(transaction_hash IS NOT NULL) = (kind = 'settlement')", name="transaction_hash"
    ),
    Index("ix_entries_payment_id", "payment_id"),
    # A payment is accrued once, and settled once by one transaction, even if the code is wrong; a
    # trigger refuses another settlement while the one before is not reversed.
    Index("uq_entries_accrued", "payment_id", unique=True, postgresql_where=ACCRUAL),
    Index(
        "uq_entries_once",
        *("payment_id", "transaction_hash"),
        unique=True,
        postgresql_where=text("kind = 'settlement'"),
    ),
    # An entry is taken back once, by a release or a reversal, and corrected once.
    Index(
        "uq_entries_taken_back",
        "corrects",
        unique=True,
        postgresql_where=text("kind IN ('release', 'reversal')"),
    ),
    Index(
        "uq_entries_put_right",
        "corrects",
        unique=True,
        postgresql_where=text("kind = 'correction'"),
    ),
)

postings = Table(
    "postings",
    metadata,
    Column("entry_id", String(64), sa.ForeignKey("entries.id"), primary_key=True),
    Column("line", sa.Integer, primary_key=True),
    Column("account", String(100), nullable=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount_stroops <> 0", name="amount"),
)

integrity_checks = Table(
    "integrity_checks",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("took_ms", sa.BigInteger, nullable=False),
    Column("broken", sa.Integer, nullable=False),
    Column("overdue", sa.Integer, nullable=False),
    Index("ix_integrity_checks_at", "at"),
    info={"rows_are_deleted": True},
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
