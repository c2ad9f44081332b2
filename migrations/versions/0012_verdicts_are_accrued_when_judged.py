"""What a verdict owes is booked when it is judged, before there is a payment to make."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null for what was judged before: it is accrued when it is owed.
    op.add_column("sla_results", sa.Column("payment_id", sa.String(64)))
    op.create_unique_constraint("uq_sla_results_payment_id", "sla_results", ["payment_id"])
    # An obligation may be taken back before its payment is ever made.
    op.drop_constraint("fk_entries_payment_id", "entries", type_="foreignkey")


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
