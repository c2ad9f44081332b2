"""
Bytes that are dead and that no payment can follow are followed by a void.

It pays nobody and only uses up the sequence, so that the channel is free for others. Why it was
signed stands beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "envelopes", sa.Column("voids", sa.Text, nullable=False, server_default=sa.text("''"))
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
