"""
The book knows whether verdicts need the SLA contract's word, as the settlement worker said when it
started: whoever judges has it asked, whatever that process was told itself.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "execution_modes",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("contract_execution_mode", sa.String(20), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_execution_modes"),
        sa.CheckConstraint(
            "contract_execution_mode IN ('local', 'soroban')", name="ck_execution_modes_known"
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
