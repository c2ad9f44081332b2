"""
A released sequence is used again.

When a person releases a channel whose bytes can never land, the network still waits for their
sequence. The attempt keeps its name and its story; the pair belongs to the attempt that comes next.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "attempts",
        sa.Column("sequence_unused", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.drop_constraint("uq_attempts_channel_sequence", "attempts", type_="unique")
    op.create_index(
        "uq_attempts_channel_sequence",
        "attempts",
        ["channel", "sequence"],
        unique=True,
        postgresql_where="NOT sequence_unused",
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
