"""An attempt may settle many payments, and every transaction's fee is paid by one account.

`shares` says which payments ride in an attempt; a payment has at most one share that lives, so
that no two transactions can ever settle it. Bytes are wrapped in fee bumps: several envelopes may
stand for one inner transaction, and many payments for one hash on the chain.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SHARES_OF_OLD_ATTEMPTS = """
INSERT INTO shares (leader, n, payment_id, number, amount_stroops, live)
SELECT a.payment_id, a.n, p.id, p.number, p.amount_stroops, a.status <> 'failed'
FROM attempts a JOIN payments p ON p.id = a.payment_id
"""


def upgrade() -> None:
    op.add_column(
        "attempts", sa.Column("rail", sa.String(10), nullable=False, server_default="soroban")
    )
    op.add_column(
        "attempts", sa.Column("batched", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column("attempts", sa.Column("riders", sa.Integer, nullable=False, server_default="1"))
    op.add_column(
        "attempts",
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )
    op.create_table(
        "shares",
        sa.Column("leader", sa.String(64), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("payment_id", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("amount_stroops", sa.BigInteger, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("leader", "n", "payment_id", name="pk_shares"),
        sa.ForeignKeyConstraint(
            ["leader", "n"], ["attempts.payment_id", "attempts.n"], name="fk_shares_leader_n"
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="fk_shares_payment_id"),
        sa.CheckConstraint("amount_stroops > 0", name="amount"),
    )
    op.create_index(
        "uq_shares_one_live", "shares", ["payment_id"], unique=True, postgresql_where="live"
    )
    op.create_index("ix_shares_number", "shares", ["number"])
    op.execute(SHARES_OF_OLD_ATTEMPTS)
    op.add_column("envelopes", sa.Column("inner_hash", sa.String(64)))
    op.execute("UPDATE envelopes SET inner_hash = hash")
    op.alter_column("envelopes", "inner_hash", nullable=False)
    op.drop_constraint("uq_payments_transaction_hash", "payments", type_="unique")
    op.create_index("ix_payments_transaction_hash", "payments", ["transaction_hash"])
    op.add_column("payments", sa.Column("gathered_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_payments_gathered",
        "payments",
        ["gathered_at"],
        postgresql_where="gathered_at IS NOT NULL",
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
