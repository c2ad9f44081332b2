"""The book knows how far the network has come.

A test network that was reset has the same name and starts over; what was settled there is gone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "networks",
        sa.Column("passphrase", sa.String(200), nullable=False),
        sa.Column("protocol_version", sa.Integer, nullable=False),
        sa.Column("ledger", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("passphrase", name="pk_networks"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
