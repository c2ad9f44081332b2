"""Every account has its balance, and an obligation is accrued, reserved, released and settled.

Balances move in the statement that books the postings. An entry says how many postings it has, so
that none can be added to it later, and which entry it takes back. What was in flight is reserved.
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SLOTS = 16
KINDS = "'accrual', 'reservation', 'release', 'settlement', 'reversal', 'correction', 'closing'"

OLD_ENTRIES = f"""
UPDATE entries SET
    lines = (SELECT count(*) FROM postings WHERE entry_id = entries.id),
    slot = get_byte(sha256(convert_to(payment_id, 'UTF8')), 0) % {SLOTS},
    transaction_hash = CASE WHEN kind = 'settlement' THEN (
        SELECT transaction_hash FROM payments WHERE payments.id = entries.payment_id
    ) END
"""

# Bytes were stored for these, and may move the money at any moment.
IN_FLIGHT = """
SELECT p.id, p.to_address, p.amount_stroops, s.leader, s.n
FROM shares s JOIN attempts a ON a.payment_id = s.leader AND a.n = s.n
JOIN payments p ON p.id = s.payment_id
WHERE s.live AND a.status = 'open' AND a.max_ledger IS NOT NULL
"""

RESERVED = """
WITH entry AS (
    INSERT INTO entries (id, kind, payment_id, currency, lines, slot)
    VALUES (CAST(:id AS text), 'reservation', :payment_id, 'USDC', 2, :slot)
)
INSERT INTO postings (entry_id, line, account, amount_stroops)
VALUES (CAST(:id AS text), 1, 'payable:' || CAST(:payee AS text), CAST(:amount AS bigint)),
       (CAST(:id AS text), 2, 'reserved:' || CAST(:payee AS text), -CAST(:amount AS bigint))
"""

ACCOUNTS = """
INSERT INTO accounts (name, currency, kind, floor_stroops)
SELECT DISTINCT account, 'USDC',
    CASE split_part(account, ':', 1)
        WHEN 'expense' THEN 'expense' WHEN 'treasury' THEN 'asset' ELSE 'liability' END,
    CASE split_part(account, ':', 1) WHEN 'treasury' THEN NULL ELSE 0 END
FROM postings
"""

BALANCES = """
INSERT INTO balances (account, currency, slot, amount_stroops)
SELECT p.account, e.currency, e.slot, sum(p.amount_stroops)
FROM postings p JOIN entries e ON e.id = p.entry_id GROUP BY 1, 2, 3
"""

WHOLE = """
CREATE OR REPLACE FUNCTION check_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    booked record;
BEGIN
    SELECT sum(amount_stroops) AS total, count(*) AS lines INTO booked
    FROM postings WHERE entry_id = NEW.entry_id;
    IF booked.total <> 0 THEN
        RAISE EXCEPTION 'entry % does not balance', NEW.entry_id USING ERRCODE = 'check_violation';
    END IF;
    IF booked.lines <> (SELECT lines FROM entries WHERE id = NEW.entry_id) THEN
        RAISE EXCEPTION 'entry % has another number of postings than it says', NEW.entry_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION check_entry_has_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM postings WHERE entry_id = NEW.id) THEN
        RAISE EXCEPTION 'entry % has no postings', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_has_postings AFTER INSERT ON entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_entry_has_postings();
"""

FLOOR = """
CREATE FUNCTION check_floor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM accounts
        WHERE name = NEW.account AND currency = NEW.currency
          AND floor_stroops > CASE kind WHEN 'liability' THEN -NEW.amount_stroops
                                        ELSE NEW.amount_stroops END
    ) THEN
        RAISE EXCEPTION 'account % would fall below its floor', NEW.account
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER balances_keep_their_floor AFTER INSERT OR UPDATE ON balances
    FOR EACH ROW EXECUTE FUNCTION check_floor();
"""


def upgrade() -> None:
    _columns()
    _tables()
    _reserve_what_is_in_flight()
    op.execute(ACCOUNTS)
    op.execute(BALANCES)
    # What is due at the end of this transaction is looked at now: tables with checks that are
    # still to come take no triggers.
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")
    op.execute(WHOLE)
    op.execute(FLOOR)
    op.execute(
        "CREATE TRIGGER accounts_are_immutable BEFORE UPDATE OR DELETE ON accounts "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for table in ("entries", "postings", "accounts", "balances"):
        op.execute(
            f"CREATE TRIGGER {table}_are_never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _columns() -> None:
    op.execute("ALTER TABLE entries DISABLE TRIGGER entries_are_immutable")
    op.alter_column("entries", "payment_id", nullable=True)
    op.add_column(
        "entries", sa.Column("currency", sa.String(12), nullable=False, server_default="USDC")
    )
    op.alter_column("entries", "currency", server_default=None)
    op.add_column("entries", sa.Column("lines", sa.SmallInteger))
    op.add_column("entries", sa.Column("slot", sa.SmallInteger))
    op.add_column("entries", sa.Column("corrects", sa.String(64)))
    op.add_column("entries", sa.Column("transaction_hash", sa.String(64)))
    op.execute(OLD_ENTRIES)
    op.execute("ALTER TABLE entries ENABLE TRIGGER entries_are_immutable")
    op.alter_column("entries", "lines", nullable=False)
    op.alter_column("entries", "slot", nullable=False)
    op.create_foreign_key("fk_entries_corrects", "entries", "entries", ["corrects"], ["id"])
    for name, rule in (
        ("kind", f"kind IN ({KINDS})"),
        ("payment", "payment_id IS NOT NULL OR kind = 'closing'"),
        ("corrects", "(corrects IS NOT NULL) = (kind IN ('release', 'reversal', 'correction'))"),
        ("transaction_hash", "(transaction_hash IS NOT NULL) = (kind = 'settlement')"),
    ):
        op.create_check_constraint(name, "entries", rule)
    for name, columns, where in (
        ("once", ["payment_id", "kind"], "kind IN ('accrual', 'settlement')"),
        ("taken_back", ["corrects"], "kind IN ('release', 'reversal')"),
        ("put_right", ["corrects"], "kind = 'correction'"),
    ):
        op.create_index(
            f"uq_entries_{name}", "entries", columns, unique=True, postgresql_where=where
        )
    # A handful of accounts over all postings: no query was ever helped by it.
    op.drop_index("ix_postings_account", "postings")


def _tables() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("floor_stroops", sa.BigInteger),
        sa.PrimaryKeyConstraint("name", "currency", name="pk_accounts"),
        sa.CheckConstraint("kind IN ('asset', 'liability', 'expense')", name="kind"),
        sa.CheckConstraint("floor_stroops = 0", name="floor"),
    )
    op.create_table(
        "balances",
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("slot", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("amount_stroops", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "currency", "slot", name="pk_balances"),
        sa.ForeignKeyConstraint(
            ["account", "currency"],
            ["accounts.name", "accounts.currency"],
            name="fk_balances_account_currency",
        ),
        postgresql_with={"fillfactor": "50"},
    )


def _reserve_what_is_in_flight() -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.text(IN_FLIGHT)).all():
        parts = "\x1f".join((row.id, "reservation", row.leader, str(row.n)))
        connection.execute(
            sa.text(RESERVED),
            {
                "id": f"ent_{hashlib.sha256(parts.encode()).hexdigest()[:24]}",
                "payment_id": row.id,
                "slot": hashlib.sha256(row.id.encode()).digest()[0] % SLOTS,
                "payee": row.to_address,
                "amount": row.amount_stroops,
            },
        )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
