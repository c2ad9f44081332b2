"""
What was read of the chain is kept, names its network, and holds whatever address money came from.

A channel may be released because these tables show that nothing moved: so nothing in them is
emptied, the cursor only goes on, and a gap only grows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

GUARDS = """
CREATE TRIGGER chain_transfers_are_never_emptied BEFORE TRUNCATE ON chain_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_cursor_is_never_emptied BEFORE DELETE OR TRUNCATE ON chain_cursor
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_gaps_are_never_emptied BEFORE DELETE OR TRUNCATE ON chain_gaps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_cursor_only_goes_on BEFORE UPDATE ON chain_cursor FOR EACH ROW
    WHEN (NEW.ledger < OLD.ledger OR NEW.first_ledger <> OLD.first_ledger
          OR NEW.passphrase <> OLD.passphrase)
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER chain_gaps_only_grow BEFORE UPDATE ON chain_gaps FOR EACH ROW
    WHEN (NEW.last_ledger < OLD.last_ledger OR NEW.first_ledger <> OLD.first_ledger)
    EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    # What a claimable balance held comes from an address longer than an account's: without room
    # for it, reading would stop there for ever.
    op.alter_column("chain_transfers", "from_address", type_=sa.String(69))
    # Null until the first page that is read from now on.
    op.add_column("chain_cursor", sa.Column("passphrase", sa.String(200)))
    op.execute(GUARDS)


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
