"""Book and chain are compared both ways, and every break has an owner, an age and a closing entry.

What the chain said is kept as it was said. A break concerns no outage, and perhaps no payment, so
events and entries may be without one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
CLOSED = (
    "(status = 'closed') = (closed_at IS NOT NULL AND closed_by IS NOT NULL"
    " AND note IS NOT NULL AND closing IS NOT NULL)"
)


def upgrade() -> None:
    op.alter_column("events", "outage_id", nullable=True)
    op.alter_column("entries", "payment_id", nullable=True)
    _chain()
    _breaks()
    op.execute(
        "CREATE TRIGGER chain_transfers_are_immutable BEFORE UPDATE OR DELETE ON chain_transfers "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _chain() -> None:
    op.create_table(
        "chain_transfers",
        sa.Column("position", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("transaction_hash", sa.String(64), nullable=False),
        sa.Column("ledger", sa.BigInteger, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=False),
        sa.Column("from_address", sa.String(56)),
        sa.Column("to_address", sa.String(69)),
        sa.Column("number", sa.Numeric(20, 0)),
        sa.Column("amount_stroops", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_chain_transfers"),
        sa.UniqueConstraint(
            "transaction_hash", "position", name="uq_chain_transfers_transaction_hash_position"
        ),
    )
    op.create_index("ix_chain_transfers_number", "chain_transfers", ["number"])
    op.create_table(
        "chain_gaps",
        sa.Column("first_ledger", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("last_ledger", sa.BigInteger, nullable=False),
        sa.Column("found_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("first_ledger", name="pk_chain_gaps"),
        sa.CheckConstraint("first_ledger <= last_ledger", name="span"),
    )
    op.create_table(
        "chain_cursor",
        sa.Column("one", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("first_ledger", sa.BigInteger, nullable=False),
        sa.Column("ledger", sa.BigInteger, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.PrimaryKeyConstraint("one", name="pk_chain_cursor"),
        sa.CheckConstraint("one", name="one"),
    )
    op.create_table(
        "reconciliation_runs",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("ledger", sa.BigInteger, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.Column("matched", sa.BigInteger, nullable=False),
        sa.Column("matched_stroops", sa.Numeric(30, 0), nullable=False),
        sa.Column("new_breaks", sa.Integer, nullable=False),
        sa.Column("open_breaks", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reconciliation_runs"),
    )
    op.create_index("ix_reconciliation_runs_at", "reconciliation_runs", ["at"])


def _breaks() -> None:
    op.create_table(
        "breaks",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("payment_id", sa.String(64)),
        sa.Column("number", sa.Numeric(20, 0)),
        sa.Column("transaction_hash", sa.String(64)),
        sa.Column("treasury", sa.String(20)),
        sa.Column("book_stroops", sa.BigInteger, nullable=False),
        sa.Column("chain_stroops", sa.BigInteger, nullable=False),
        sa.Column("owed_to", sa.String(56)),
        sa.Column("found_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("owner", sa.String(100)),
        sa.Column("status", sa.String(10), nullable=False, server_default="open"),
        sa.Column("closed_at", INSTANT),
        sa.Column("closed_by", sa.String(100)),
        sa.Column("note", sa.Text),
        sa.Column("closing", sa.String(10)),
        sa.Column("entry_id", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_breaks"),
        sa.UniqueConstraint("kind", "subject", name="uq_breaks_kind_subject"),
        sa.UniqueConstraint("entry_id", name="uq_breaks_entry_id"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="fk_breaks_payment_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_breaks_entry_id"),
        sa.CheckConstraint(CLOSED, name="closed"),
        sa.CheckConstraint(
            "closing IS NULL OR (closing = 'suspense') = (entry_id IS NOT NULL)", name="closing"
        ),
    )
    op.create_index("ix_breaks_listing", "breaks", [sa.text("found_at DESC"), sa.text("id DESC")])
    op.create_index("ix_breaks_open", "breaks", ["kind"], postgresql_where="status = 'open'")


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
