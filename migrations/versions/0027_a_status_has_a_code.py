"""
Why a payment waits, why bytes pay nobody and what a send was answered are codes, beside sentences for
people; and a dispute may be under review before it is ruled on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CODES = (
    "'account_frozen', 'approval_required', 'cap_per_day', 'cap_per_payee_per_day', "
    "'cap_per_payment', 'channel_missing', 'circuit_breaker_open', 'fee_cap_too_low', "
    "'history_unavailable', 'key_not_held', 'out_of_band_payment', 'payee_invalid', "
    "'payee_limit_reached', 'payee_missing', 'payee_no_trustline', 'payee_not_authorized', "
    "'transfer_refused', 'treasury_missing', 'treasury_no_trustline', 'treasury_not_authorized', "
    "'treasury_underfunded', 'unknown_transaction'"
)
ANSWERS = "'DUPLICATE', 'ERROR', 'NOT_SENT', 'PENDING', 'TRY_AGAIN_LATER', 'UNKNOWN'"

# What was written before there were codes is read once, here, and never again.
READ = """
UPDATE payments SET status_reason = NULL WHERE status NOT IN ('held', 'parked', 'quarantined');
UPDATE payments SET status_reason = coalesce(status_reason, 'no reason is known'), reason_code = CASE
    WHEN status = 'held' AND status_reason ~ 'the breaker is open' THEN 'circuit_breaker_open'
    WHEN status = 'held' AND status_reason ~ 'waits for approval' THEN 'approval_required'
    WHEN status = 'held' AND status_reason ~ 'SETTLEMENT_CAP_PER_PAYEE_PER_DAY'
        THEN 'cap_per_payee_per_day'
    WHEN status = 'held' AND status_reason ~ 'SETTLEMENT_CAP_PER_DAY' THEN 'cap_per_day'
    WHEN status = 'held' THEN 'cap_per_payment'
    WHEN status = 'quarantined' AND status_reason ~ 'no node remembers' THEN 'history_unavailable'
    WHEN status = 'quarantined' THEN 'unknown_transaction'
    ELSE 'transfer_refused'
END WHERE status IN ('held', 'parked', 'quarantined');
UPDATE shares SET reason_code = 'transfer_refused' WHERE reason IS NOT NULL;
ALTER TABLE envelopes DISABLE TRIGGER USER;
UPDATE envelopes SET voids_code = 'transfer_refused' WHERE voids <> '';
ALTER TABLE envelopes ENABLE TRIGGER USER;
ALTER TABLE submissions DISABLE TRIGGER USER;
UPDATE submissions SET status = split_part(answer, ' ', 1), detail = split_part(answer, ' ', 2);
ALTER TABLE submissions ENABLE TRIGGER USER;
"""
CHECKS = (
    (
        "payments",
        "stopped",
        "(status IN ('held', 'parked', 'quarantined')) = (reason_code IS NOT NULL)",
    ),
    ("payments", "status_reason", "(reason_code IS NULL) = (status_reason IS NULL)"),
    ("payments", "reason_code", f"(reason_code IN ({CODES}))"),
    ("shares", "reason", "(reason_code IS NULL) = (reason IS NULL)"),
    ("shares", "reason_code", f"(reason_code IN ({CODES}))"),
    ("envelopes", "voids", "(voids_code IS NULL) = (voids = '')"),
    ("envelopes", "voids_code", f"(voids_code IN ({CODES}))"),
    ("submissions", "status", f"(status IN ({ANSWERS}))"),
)


def upgrade() -> None:
    op.alter_column("payments", "parked_reason", new_column_name="status_reason")
    op.add_column("payments", sa.Column("reason_code", sa.String(40)))
    op.add_column("shares", sa.Column("reason_code", sa.String(40)))
    op.add_column("envelopes", sa.Column("voids_code", sa.String(40)))
    op.add_column("submissions", sa.Column("status", sa.String(20)))
    op.add_column(
        "submissions", sa.Column("detail", sa.Text, nullable=False, server_default=sa.text("''"))
    )
    for statement in READ.split(";"):
        if statement.strip():
            op.execute(statement)
    op.alter_column("submissions", "status", nullable=False)
    op.drop_column("submissions", "answer")
    for table, name, rule in CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({rule})")
    op.add_column("disputes", sa.Column("reviewed_by", sa.String(200)))
    op.add_column("disputes", sa.Column("review_began_at", sa.DateTime(timezone=True)))
    op.drop_index("uq_disputes_one_open", "disputes")
    op.create_index(
        "uq_disputes_one_undecided",
        "disputes",
        ["outage_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('open', 'under_review')"),
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
