"""
Whoever was left out of a batch that bears its name may lead another.

That no two transactions can settle one payment is held by its one live share, which every attempt
gives to each of its riders. What an attempt or a channel is named after says nothing of that: a
batch keeps the name of its leader when the leader was left out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("uq_attempts_one_live", "attempts")
    op.create_index(
        "uq_attempts_one_live",
        "attempts",
        ["payment_id"],
        unique=True,
        postgresql_where="status <> 'failed' AND NOT batched",
    )
    op.drop_constraint("uq_channels_payment_id", "channels", type_="unique")
    # Survivors of a batch that failed are tried together once more, whoever lives for them.
    op.add_column(
        "attempts", sa.Column("resubmitted", sa.Boolean, nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
