"""
That the book was inspected, and what was found: told once, and not again with every inspection.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspections",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_ms", sa.BigInteger, nullable=False),
        sa.Column("broken", sa.Integer, nullable=False),
        sa.Column("overdue", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inspections"),
    )
    op.create_index("ix_inspections_at", "inspections", ["at"])
    op.create_table(
        "findings",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("invariant", sa.String(20), nullable=False),
        sa.Column("overdue", sa.Boolean, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
    )
    op.create_index(
        "ix_findings_listing", "findings", [sa.text("found_at DESC"), sa.text("id DESC")]
    )
    op.create_index(
        "ix_findings_standing",
        "findings",
        ["invariant"],
        postgresql_where=sa.text("mended_at IS NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
