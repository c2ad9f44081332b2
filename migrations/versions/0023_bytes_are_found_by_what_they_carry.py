"""
Signed bytes are found by the transaction they carry, and not by reading all that was ever signed.

For each transfer that the book does not know, the comparison of book and chain asks whether it was ours.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_envelopes_inner_hash", "envelopes", ["inner_hash"])


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
