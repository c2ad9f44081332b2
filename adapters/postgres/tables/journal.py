"""The double-entry journal. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

ENTRY_KINDS = (
    *("accrual", "reservation", "release", "settlement"),
    *("reversal", "correction", "adjustment", "resolution"),
)
ACCOUNT_KINDS = ("asset", "liability", "expense")


def _make_one_of(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


accounts = Table(
    "accounts",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("currency", String(12), primary_key=True),
    Column("kind", String(20), nullable=False),
    # The least it may hold in its own sense; a liability is what we owe. Each part of a balance
    # is held to it alone, which only zero allows.
    Column("floor_stroops", sa.BigInteger),
    sa.CheckConstraint(_make_one_of("kind", ACCOUNT_KINDS), name="kind"),
    sa.CheckConstraint("floor_stroops = 0", name="floor"),
)

balances = Table(
    "balances",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("currency", String(12), primary_key=True),
    # A part of the balance, so that those who book at the same time seldom wait for each other.
    Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(["account", "currency"], ["accounts.name", "accounts.currency"]),
    # The same row is written again and again: room beside it spares its index.
    postgresql_with={"fillfactor": "50"},
)

entries = Table(
    "entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    # Booked when the verdict is judged, and the payment made when it is final: no foreign key.
    # What closes a break may have to do with no payment at all.
    Column("payment_id", String(64)),
    Column("currency", String(12), nullable=False),
    # How many postings it has: none can be added later, or be lost.
    Column("lines", sa.SmallInteger, nullable=False),
    Column("slot", sa.SmallInteger, nullable=False),
    Column("corrects", String(64), sa.ForeignKey("entries.id")),
    Column("transaction_hash", String(64)),
    Column("booked_at", Instant, nullable=False, server_default=text("now()")),
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
    # Owed once and paid once, whatever the code above believes.
    Index(
        "uq_entries_once",
        "payment_id",
        "kind",
        unique=True,
        postgresql_where=text("kind IN ('accrual', 'settlement')"),
    ),
    # Taken back once, whether by a release or a reversal; and put right once.
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
