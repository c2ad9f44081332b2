"""Payments wait in line for a channel: their place in it is counted often."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_payments_pending",
        "payments",
        ["number"],
        postgresql_where=sa.text("status = 'pending'"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
