"""
Whoever shaped a verdict prepared the payment, not only who resolved: who declared the outage chose its
severity and its beginning, and who amended it changed them. None of them approves it.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE approvals ADD COLUMN preparers varchar(200)[]")
    op.execute("UPDATE approvals SET preparers = ARRAY[preparer]")
    op.execute("ALTER TABLE approvals ALTER COLUMN preparers SET NOT NULL")
    op.drop_constraint("ck_approvals_preparer", "approvals")
    op.drop_column("approvals", "preparer")
    op.create_check_constraint(
        op.f("ck_approvals_preparers"), "approvals", "approver <> ALL (preparers)"
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
