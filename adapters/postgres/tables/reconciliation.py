"""Transfers read from the chain, reconciliation runs, breaks and manual matches. Money is bigint stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import OPEN, Instant, metadata

chain_transfers = Table(
    "chain_transfers",
    metadata,
    # The network's id of the event: ledger, transaction, operation and event.
    Column("position", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("transaction_hash", String(64), nullable=False),
    Column("ledger", sa.BigInteger, nullable=False),
    Column("closed_at", Instant, nullable=False),
    # An account, a contract, or a claimable balance, whose id is longer.
    Column("from_address", String(69)),
    Column("to_address", String(69)),
    # A muxed id is an unsigned 64-bit number, which a bigint cannot hold.
    Column("number", sa.Numeric(20, 0)),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("transaction_hash", "position"),
    Index("ix_chain_transfers_number", "number"),
    Index("ix_chain_transfers_payee", "to_address", "closed_at"),
)

chain_gaps = Table(
    "chain_gaps",
    metadata,
    Column("first_ledger", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("last_ledger", sa.BigInteger, nullable=False),
    Column("found_at", Instant, nullable=False, server_default=text("now()")),
    sa.CheckConstraint("first_ledger <= last_ledger", name="span"),
)

chain_cursor = Table(
    "chain_cursor",
    metadata,
    # There is one chain, so there is one row.
    Column("one", sa.Boolean, primary_key=True, server_default=text("true")),
    Column("first_ledger", sa.BigInteger, nullable=False),
    # The last ledger that was read in full.
    Column("ledger", sa.BigInteger, nullable=False),
    Column("closed_at", Instant),
    Column("passphrase", String(200)),
    sa.CheckConstraint("one", name="one"),
)

# The accounts that agreements pay from, each since it was named for the first time; none is ever taken out.
treasuries = Table(
    "treasuries",
    metadata,
    Column("address", String(56), primary_key=True),
    Column("added_at", Instant, nullable=False, server_default=text("now()")),
    # How far the chain was read when it was named: what it sent until then is not ours to explain.
    Column("since_ledger", sa.BigInteger, nullable=False),
    # Whether its transfers are read with those of the others, up to `chain_cursor`; until then, how far.
    Column("joined", sa.Boolean, nullable=False),
    Column("read_to", sa.BigInteger),
    # What the settlement worker saw last: whether it has the seed, and what the account holds; NULL before it looked.
    Column("signable", sa.Boolean),
    Column("balance_stroops", sa.BigInteger),
    Column("seen_at", Instant),
)

reconciliation_runs = Table(
    "reconciliation_runs",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("ledger", sa.BigInteger, nullable=False),
    Column("closed_at", Instant),
    Column("matched", sa.BigInteger, nullable=False),
    Column("matched_stroops", sa.Numeric(30, 0), nullable=False),
    Column("new_breaks", sa.Integer, nullable=False),
    Column("open_breaks", sa.Integer, nullable=False),
    Index("ix_reconciliation_runs_at", "at"),
    info={"rows_are_deleted": True},
)

manual_matches = Table(
    "manual_matches",
    metadata,
    Column("payment_id", String(64), sa.ForeignKey("payments.id"), primary_key=True),
    # One transfer is matched with one payment.
    Column(
        "position",
        String(40),
        sa.ForeignKey("chain_transfers.position"),
        nullable=False,
        unique=True,
    ),
    Column("matched_by", String(100), nullable=False),
    Column("note", sa.Text, nullable=False),
    Column("matched_at", Instant, nullable=False),
)

breaks = Table(
    "breaks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("detail", sa.Text, nullable=False),
    Column("payment_id", String(64), sa.ForeignKey("payments.id")),
    Column("number", sa.Numeric(20, 0)),
    Column("transaction_hash", String(64)),
    Column("treasury", String(56)),
    Column("journal_stroops", sa.BigInteger, nullable=False),
    Column("chain_stroops", sa.BigInteger, nullable=False),
    Column("owed_to", String(56)),
    Column("found_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("owner", String(100)),
    Column("status", String(10), nullable=False, server_default=text("'open'")),
    Column("closed_at", Instant),
    Column("closed_by", String(100)),
    Column("note", sa.Text),
    Column("adjustment", String(10)),
    Column("entry_id", String(64), sa.ForeignKey("entries.id"), unique=True),
    sa.UniqueConstraint("kind", "subject"),
    sa.CheckConstraint(
        "(status = 'closed') = (closed_at IS NOT NULL AND closed_by IS NOT NULL"
        " AND note IS NOT NULL AND adjustment IS NOT NULL)",
        name="closed",
    ),
    sa.CheckConstraint(
        "adjustment IS NULL OR (adjustment = 'suspense') = (entry_id IS NOT NULL)",
        name="adjustment",
    ),
    Index("ix_breaks_listing", text("found_at DESC"), text("id DESC")),
    Index("ix_breaks_open", "kind", postgresql_where=OPEN),
)

break_resolutions = Table(
    "break_resolutions",
    metadata,
    Column("break_id", String(64), sa.ForeignKey("breaks.id"), primary_key=True),
    Column("outcome", String(20), nullable=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    Column("entry_id", String(64), sa.ForeignKey("entries.id"), nullable=False, unique=True),
    Column("note", sa.Text, nullable=False),
    Column("resolved_by", String(100), nullable=False),
    Column("resolved_at", Instant, nullable=False),
    sa.CheckConstraint("amount_stroops > 0", name="amount"),
)
