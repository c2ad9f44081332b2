"""
What a closed break left in suspense is cleared, once: it came back to its treasury, or it is written off.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

KINDS = (
    "'accrual', 'reservation', 'release', 'settlement', "
    "'reversal', 'correction', 'closing', 'clearing'"
)


def upgrade() -> None:
    for name, rule in (
        ("ck_entries_kind", f"kind IN ({KINDS})"),
        ("ck_entries_payment", "payment_id IS NOT NULL OR kind IN ('closing', 'clearing')"),
    ):
        op.execute(f"ALTER TABLE entries DROP CONSTRAINT {name}")
        op.execute(f"ALTER TABLE entries ADD CONSTRAINT {name} CHECK ({rule})")
    op.create_table(
        "clearings",
        sa.Column("break_id", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("amount_stroops", sa.BigInteger, nullable=False),
        sa.Column("entry_id", sa.String(64), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("cleared_by", sa.String(100), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("break_id", name="pk_clearings"),
        sa.UniqueConstraint("entry_id", name="uq_clearings_entry_id"),
        sa.ForeignKeyConstraint(["break_id"], ["breaks.id"], name="fk_clearings_break_id"),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_clearings_entry_id"),
        sa.CheckConstraint("amount_stroops > 0", name="ck_clearings_amount"),
    )
    op.execute(
        "CREATE TRIGGER clearings_are_immutable BEFORE UPDATE OR DELETE ON clearings "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER clearings_are_never_emptied BEFORE TRUNCATE ON clearings "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
