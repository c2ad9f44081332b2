"""Limits, approvals and the breaker; an event may be about the engine itself."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# One round trip, one transaction: a payment is admitted and counted, or neither. Its row is locked
# first, so that approvals, withdrawals and admissions of one payment go one at a time; then the
# treasury's row of the day, then the payee's, in this order everywhere, so that none wait in a ring.
ADMIT = """
CREATE FUNCTION admit_payment(
    p_payment text, p_digest text, p_payer text, p_payee text, p_amount bigint, p_day date,
    p_cap_per_payment bigint, p_cap_per_day bigint, p_cap_per_payee_per_day bigint,
    p_approval_above bigint, p_approvers bigint, OUT admission text, OUT detail text
) LANGUAGE plpgsql AS $$
DECLARE
    stands text;
    counted_to text;
    from_payer numeric;
    to_payee numeric;
BEGIN
    SELECT status INTO stands FROM payments WHERE id = p_payment FOR NO KEY UPDATE;
    IF stands NOT IN ('pending', 'held', 'parked') THEN
        admission := 'signed'; RETURN;
    END IF;
    SELECT reason INTO detail FROM breakers WHERE name = 'settlement' AND is_open;
    IF FOUND THEN
        admission := 'breaker'; RETURN;
    END IF;
    IF p_amount > p_cap_per_payment THEN
        admission := 'cap_per_payment'; RETURN;
    END IF;
    IF p_amount > p_approval_above THEN
        SELECT count(DISTINCT approver) INTO detail FROM approvals
        WHERE payment_id = p_payment AND digest = p_digest AND voided_at IS NULL;
        IF detail::bigint < p_approvers THEN
            admission := 'approval'; RETURN;
        END IF;
    END IF;
    SELECT to_address INTO counted_to FROM authorisations WHERE payment_id = p_payment;
    IF counted_to IS DISTINCT FROM p_payee THEN
        INSERT INTO spending (day, side, account, spent_stroops)
        VALUES (p_day, 'payer', p_payer, 0), (p_day, 'payee', p_payee, 0) ON CONFLICT DO NOTHING;
        SELECT spent_stroops INTO from_payer FROM spending
        WHERE day = p_day AND side = 'payer' AND account = p_payer FOR UPDATE;
        SELECT spent_stroops INTO to_payee FROM spending
        WHERE day = p_day AND side = 'payee' AND account = p_payee FOR UPDATE;
        IF counted_to IS NULL AND from_payer + p_amount > p_cap_per_day THEN
            admission := 'cap_per_day'; RETURN;
        END IF;
        IF to_payee + p_amount > p_cap_per_payee_per_day THEN
            admission := 'cap_per_payee_per_day'; RETURN;
        END IF;
        UPDATE spending SET spent_stroops = spent_stroops + p_amount
        WHERE day = p_day AND (
            (side = 'payee' AND account = p_payee)
            OR (side = 'payer' AND account = p_payer AND counted_to IS NULL)
        );
    END IF;
    INSERT INTO authorisations (payment_id, day, to_address, amount_stroops, digest, admitted_at)
    VALUES (p_payment, p_day, p_payee, p_amount, p_digest, clock_timestamp())
    ON CONFLICT (payment_id) DO UPDATE SET
        to_address = excluded.to_address, digest = excluded.digest,
        admitted_at = excluded.admitted_at;
    admission := 'admitted';
END $$;
"""


def upgrade() -> None:
    op.create_table(
        "limits",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("cap_per_payment", sa.BigInteger()),
        sa.Column("cap_per_day", sa.BigInteger()),
        sa.Column("cap_per_payee_per_day", sa.BigInteger()),
        sa.Column("approval_above", sa.BigInteger()),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_limits")),
    )
    op.create_table(
        "breakers",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(200), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_breakers")),
    )
    op.create_table(
        "spending",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("side", sa.String(5), nullable=False),
        sa.Column("account", sa.String(56), nullable=False),
        sa.Column("spent_stroops", sa.Numeric(30, 0), nullable=False),
        sa.CheckConstraint("spent_stroops >= 0", name=op.f("ck_spending_spent")),
        sa.PrimaryKeyConstraint("day", "side", "account", name=op.f("pk_spending")),
    )
    op.create_table(
        "authorisations",
        sa.Column("payment_id", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("to_address", sa.String(56), nullable=False),
        sa.Column("amount_stroops", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_authorisations_payment_id")
        ),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_authorisations")),
    )
    _approvals()
    op.execute(
        "INSERT INTO breakers (name, is_open, reason, changed_by, changed_at)"
        " VALUES ('settlement', false, 'never opened', 'engine', now())"
    )
    op.execute(ADMIT)
    # What happens to the engine itself is about no outage.
    op.execute("ALTER TABLE events ALTER COLUMN outage_id DROP NOT NULL")


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("payment_id", sa.String(64), nullable=False),
        sa.Column("approver", sa.String(100), nullable=False),
        sa.Column("preparer", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True)),
        sa.Column("voided_reason", sa.Text()),
        sa.CheckConstraint("approver <> preparer", name=op.f("ck_approvals_preparer")),
        sa.CheckConstraint(
            "(voided_at IS NULL) = (voided_reason IS NULL)", name=op.f("ck_approvals_voided")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_approvals_payment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index(
        "uq_approvals_one_each",
        "approvals",
        ["payment_id", "approver"],
        unique=True,
        postgresql_where=sa.text("voided_at IS NULL"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
