"""Wallets are proven by their owners, and a change of a payout address cools off."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "wallets",
        sa.Column("address", sa.String(56), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.Column("proven_at", INSTANT),
        sa.Column("funded", sa.Boolean),
        sa.Column("trustline", sa.Boolean),
        sa.Column("authorised", sa.Boolean),
        sa.Column("room_stroops", sa.BigInteger),
        sa.Column("ledger", sa.BigInteger),
        sa.Column("read_at", INSTANT),
        sa.PrimaryKeyConstraint("address", name="pk_wallets"),
    )
    op.create_index("ix_wallets_owner", "wallets", ["owner"])
    op.create_table(
        "wallet_challenges",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("address", sa.String(56), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        sa.Column("used_by", sa.String(200)),
        sa.PrimaryKeyConstraint("hash", name="pk_wallet_challenges"),
        sa.ForeignKeyConstraint(
            ["address"], ["wallets.address"], name="fk_wallet_challenges_address"
        ),
    )
    op.create_table(
        "payouts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("agreement", sa.String(100), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("address", sa.String(56), nullable=False),
        sa.Column("asked_by", sa.String(200), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("effective_at", INSTANT, nullable=False),
        sa.Column("cancelled_at", INSTANT),
        sa.Column("cancelled_by", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_payouts"),
        sa.ForeignKeyConstraint(["agreement"], ["agreements.name"], name="fk_payouts_agreement"),
        sa.ForeignKeyConstraint(["address"], ["wallets.address"], name="fk_payouts_address"),
        sa.CheckConstraint("effective_at >= asked_at", name="cool_off"),
    )
    op.create_index(
        "ix_payouts_standing",
        "payouts",
        ["agreement", "role", "effective_at"],
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
