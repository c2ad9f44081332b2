"""The settlement worker tells the book what a person must mend, so that others can show it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("networks", sa.Column("trouble", sa.Text))


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
