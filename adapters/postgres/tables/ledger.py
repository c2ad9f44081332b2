"""The double-entry book. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

entries = Table(
    "entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    # What closes a break may have to do with no payment at all.
    Column("payment_id", String(64), sa.ForeignKey("payments.id")),
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
