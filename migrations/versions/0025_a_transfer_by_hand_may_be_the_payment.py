"""
A transfer that somebody made by hand, under a payment's number, may be adopted as that payment.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "adoptions",
        sa.Column("payment_id", sa.String(64), nullable=False),
        sa.Column("position", sa.String(40), nullable=False),
        sa.Column("adopted_by", sa.String(100), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("payment_id", name="pk_adoptions"),
        sa.UniqueConstraint("position", name="uq_adoptions_position"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="fk_adoptions_payment_id"),
        sa.ForeignKeyConstraint(
            ["position"], ["chain_transfers.position"], name="fk_adoptions_position"
        ),
    )
    op.execute(
        "CREATE TRIGGER adoptions_are_immutable BEFORE UPDATE OR DELETE ON adoptions "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER adoptions_are_never_emptied BEFORE TRUNCATE ON adoptions "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
