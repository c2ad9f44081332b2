"""
The baseline: every table, function, trigger and first row, made at once.

Written by `make baseline` from adapters/postgres/tables and migrations/sql. Until 1.0.0 it is made
anew when one of those changes; change them and not this file.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from adapters.postgres.tables import Xid8
from migrations.statements import read_sql_files

revision = "0001_8a27da5989b1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("floor_stroops", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('asset', 'liability', 'expense')", name=op.f("ck_accounts_kind")
        ),
        sa.CheckConstraint("floor_stroops = 0", name=op.f("ck_accounts_floor")),
        sa.PrimaryKeyConstraint("name", "currency", name=op.f("pk_accounts")),
    )
    op.create_table(
        "analytics_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analytics_changes")),
        info={"rows_are_deleted": True},
    )
    op.create_table(
        "analytics_contributions",
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agreement", sa.String(length=100), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("site_id", sa.String(length=100), nullable=True),
        sa.Column("site_name", sa.String(length=200), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("violated", sa.Boolean(), nullable=False),
        sa.Column("mttr_minutes", sa.BigInteger(), nullable=True),
        sa.Column("rewards_stroops", sa.BigInteger(), nullable=False),
        sa.Column("penalties_stroops", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "phase IN ('open', 'judged', 'cancelled', 'voided')",
            name=op.f("ck_analytics_contributions_phase"),
        ),
        sa.PrimaryKeyConstraint("outage_id", name=op.f("pk_analytics_contributions")),
    )
    op.create_index(
        "ix_analytics_contributions_agreement",
        "analytics_contributions",
        ["agreement", "detected_at"],
        unique=False,
    )
    op.create_index(
        "ix_analytics_contributions_detected_at",
        "analytics_contributions",
        ["detected_at"],
        unique=False,
    )
    op.create_index(
        "ix_analytics_contributions_ended_at",
        "analytics_contributions",
        ["agreement", "ended_at"],
        unique=False,
    )
    op.create_index(
        "ix_analytics_contributions_site_id",
        "analytics_contributions",
        ["site_id", "detected_at"],
        unique=False,
        postgresql_where=sa.text("site_id IS NOT NULL"),
    )
    op.create_index(
        "ix_analytics_contributions_site_name",
        "analytics_contributions",
        ["site_name", "detected_at"],
        unique=False,
    )
    op.create_table(
        "analytics_histograms",
        sa.Column("agreement", sa.String(length=100), nullable=False),
        sa.Column("grain", sa.String(length=5), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("mttr_minutes", sa.BigInteger(), nullable=False),
        sa.Column("outages", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "agreement",
            "grain",
            "starts_at",
            "severity",
            "mttr_minutes",
            name=op.f("pk_analytics_histograms"),
        ),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "analytics_rollups",
        sa.Column("agreement", sa.String(length=100), nullable=False),
        sa.Column("grain", sa.String(length=5), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("detected", sa.BigInteger(), nullable=False),
        sa.Column("cancelled", sa.BigInteger(), nullable=False),
        sa.Column("voided", sa.BigInteger(), nullable=False),
        sa.Column("judged", sa.BigInteger(), nullable=False),
        sa.Column("violations", sa.BigInteger(), nullable=False),
        sa.Column("minutes", sa.Numeric(precision=30, scale=0), nullable=False),
        sa.Column("rewards_stroops", sa.Numeric(precision=30, scale=0), nullable=False),
        sa.Column("penalties_stroops", sa.Numeric(precision=30, scale=0), nullable=False),
        sa.PrimaryKeyConstraint(
            "agreement", "grain", "starts_at", "severity", name=op.f("pk_analytics_rollups")
        ),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "analytics_snapshots",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.String(length=200), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("tzdata", sa.String(length=20), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analytics_snapshots")),
    )
    op.create_index(
        "ix_analytics_snapshots_listing",
        "analytics_snapshots",
        [sa.literal_column("taken_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "audit_entries",
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_entries")),
        sa.UniqueConstraint("id", name=op.f("uq_audit_entries_id")),
    )
    op.create_index(
        "ix_audit_entries_action", "audit_entries", ["action", "sequence"], unique=False
    )
    op.create_index("ix_audit_entries_actor", "audit_entries", ["actor", "sequence"], unique=False)
    op.create_index(
        "ix_audit_entries_correlation_id",
        "audit_entries",
        ["correlation_id", "sequence"],
        unique=False,
    )
    op.create_index(
        "ix_audit_entries_recorded_at", "audit_entries", ["recorded_at", "sequence"], unique=False
    )
    op.create_index(
        "ix_audit_entries_subject", "audit_entries", ["subject", "sequence"], unique=False
    )
    op.create_table(
        "chain_cursor",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("first_ledger", sa.BigInteger(), nullable=False),
        sa.Column("ledger", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("passphrase", sa.String(length=200), nullable=True),
        sa.CheckConstraint("one", name=op.f("ck_chain_cursor_one")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_chain_cursor")),
    )
    op.create_table(
        "chain_gaps",
        sa.Column("first_ledger", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_ledger", sa.BigInteger(), nullable=False),
        sa.Column(
            "found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("first_ledger <= last_ledger", name=op.f("ck_chain_gaps_span")),
        sa.PrimaryKeyConstraint("first_ledger", name=op.f("pk_chain_gaps")),
    )
    op.create_table(
        "chain_transfers",
        sa.Column("position", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("transaction_hash", sa.String(length=64), nullable=False),
        sa.Column("ledger", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_address", sa.String(length=69), nullable=True),
        sa.Column("to_address", sa.String(length=69), nullable=True),
        sa.Column("number", sa.Numeric(precision=20, scale=0), nullable=True),
        sa.Column("amount_stroops", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_chain_transfers")),
        sa.UniqueConstraint(
            "transaction_hash",
            "position",
            name=op.f("uq_chain_transfers_transaction_hash_position"),
        ),
    )
    op.create_index("ix_chain_transfers_number", "chain_transfers", ["number"], unique=False)
    op.create_index(
        "ix_chain_transfers_payee", "chain_transfers", ["to_address", "closed_at"], unique=False
    )
    op.create_table(
        "circuit_breakers",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_circuit_breakers")),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=True),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("lines", sa.SmallInteger(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("corrects", sa.String(length=64), nullable=True),
        sa.Column("transaction_hash", sa.String(length=64), nullable=True),
        sa.Column(
            "posted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.CheckConstraint(
            "(corrects IS NOT NULL) = (kind IN ('release', 'reversal', 'correction'))",
            name=op.f("ck_entries_corrects"),
        ),
        sa.CheckConstraint(
            "(transaction_hash IS NOT NULL) = (kind = 'settlement')",
            name=op.f("ck_entries_transaction_hash"),
        ),
        sa.CheckConstraint(
            "kind IN ('accrual', 'reservation', 'release', 'settlement', 'reversal', 'correction', 'adjustment', 'resolution')",
            name=op.f("ck_entries_kind"),
        ),
        sa.CheckConstraint(
            "payment_id IS NOT NULL OR kind IN ('adjustment', 'resolution')",
            name=op.f("ck_entries_payment"),
        ),
        sa.ForeignKeyConstraint(["corrects"], ["entries.id"], name=op.f("fk_entries_corrects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    op.create_index("ix_entries_payment_id", "entries", ["payment_id"], unique=False)
    op.create_index(
        "uq_entries_accrued",
        "entries",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'accrual'"),
    )
    op.create_index(
        "uq_entries_once",
        "entries",
        ["payment_id", "transaction_hash"],
        unique=True,
        postgresql_where=sa.text("kind = 'settlement'"),
    )
    op.create_index(
        "uq_entries_put_right",
        "entries",
        ["corrects"],
        unique=True,
        postgresql_where=sa.text("kind = 'correction'"),
    )
    op.create_index(
        "uq_entries_taken_back",
        "entries",
        ["corrects"],
        unique=True,
        postgresql_where=sa.text("kind IN ('release', 'reversal')"),
    )
    op.create_table(
        "envelopes",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("inner_hash", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("xdr", sa.Text(), nullable=False),
        sa.Column("fee_stroops", sa.BigInteger(), nullable=False),
        sa.Column("max_ledger", sa.BigInteger(), nullable=False),
        sa.Column(
            "signed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("noop_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("noop_reason_code", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "(noop_reason_code IN ('account_frozen', 'approval_required', 'cap_per_day', 'cap_per_payee_per_day', 'cap_per_payment', 'chain_unread', 'channel_missing', 'circuit_breaker_open', 'claim_unconfirmed', 'commits_not_durable', 'fee_cap_too_low', 'history_unavailable', 'key_not_held', 'nodes_disagree', 'out_of_band_payment', 'payee_invalid', 'payee_limit_reached', 'payee_missing', 'payee_no_trustline', 'payee_not_authorized', 'payee_requires_memo', 'second_person_required', 'transfer_refused', 'treasury_missing', 'treasury_no_trustline', 'treasury_not_authorized', 'treasury_underfunded', 'unknown_transaction'))",
            name=op.f("ck_envelopes_noop_reason_code"),
        ),
        sa.CheckConstraint(
            "(noop_reason_code IS NULL) = (noop_reason = '')", name=op.f("ck_envelopes_noop_reason")
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_envelopes")),
    )
    op.create_index("ix_envelopes_attempt", "envelopes", ["payment_id", "n"], unique=False)
    op.create_index("ix_envelopes_inner_hash", "envelopes", ["inner_hash"], unique=False)
    op.create_table(
        "execution_modes",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("contract_execution_mode", sa.String(length=20), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "contract_execution_mode IN ('local', 'soroban')", name=op.f("ck_execution_modes_known")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_execution_modes")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("response_status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'completed') = (response_status IS NOT NULL AND headers IS NOT NULL AND body IS NOT NULL)",
            name=op.f("ck_idempotency_keys_completed"),
        ),
        sa.CheckConstraint(
            "state IN ('in_flight', 'completed')", name=op.f("ck_idempotency_keys_state")
        ),
        sa.PrimaryKeyConstraint("principal", "key_digest", name=op.f("pk_idempotency_keys")),
        info={"rows_are_deleted": True},
    )
    op.create_index(
        "ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"], unique=False
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("imported", sa.BigInteger(), nullable=False),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("imported_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column(
            "mode", sa.String(length=20), server_default=sa.text("'declare'"), nullable=False
        ),
        sa.Column("dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("wrong", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("(mode IN ('backfill', 'declare'))", name=op.f("ck_imports_mode")),
        sa.CheckConstraint(
            "imported >= 0 AND skipped >= 0 AND wrong >= 0", name=op.f("ck_imports_counts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sa.UniqueConstraint("job_id", name=op.f("uq_imports_job_id")),
    )
    op.create_index(
        "ix_imports_digest",
        "imports",
        ["digest"],
        unique=False,
        postgresql_where=sa.text("job_id IS NOT NULL"),
    )
    op.create_index(
        "ix_imports_listing",
        "imports",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "installation",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("read_past_ledger", sa.BigInteger(), nullable=True),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unattended", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unattended_since", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("one", name=op.f("ck_installation_one")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_installation")),
    )
    op.create_table(
        "installation_claims",
        sa.Column("n", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(token) = 32", name=op.f("ck_installation_claims_token")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_installation_claims")),
        sa.UniqueConstraint("token", name=op.f("uq_installation_claims_token")),
    )
    op.create_table(
        "intake_sources",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=True),
        sa.Column("previous_digest", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("repeat_interval_seconds", sa.Integer(), nullable=False),
        sa.Column("heartbeat", sa.String(length=200), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("truncated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("truncated_alerts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_intake_sources")),
    )
    op.create_table(
        "integrity_checks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("overdue", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integrity_checks")),
        info={"rows_are_deleted": True},
    )
    op.create_index("ix_integrity_checks_at", "integrity_checks", ["at"], unique=False)
    op.create_table(
        "job_files",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("(role IN ('input', 'output'))", name=op.f("ck_job_files_role")),
        sa.CheckConstraint("(size IS NULL) = (sha256 IS NULL)", name=op.f("ck_job_files_whole")),
        sa.PrimaryKeyConstraint("job_id", "role", name=op.f("pk_job_files")),
        info={"rows_are_deleted": True},
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("correlation_id", sa.String(length=100), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("done", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("checkpoint", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind IN ('export_analytics', 'export_audit', 'export_disputes', 'export_finance', 'export_outages', 'export_payments', 'export_verdicts', 'import', 'recomputation', 'redelivery', 'snapshot'))",
            name=op.f("ck_jobs_kind"),
        ),
        sa.CheckConstraint(
            "(status IN ('cancelled', 'done', 'failed')) = (ended_at IS NOT NULL AND expires_at IS NOT NULL)",
            name=op.f("ck_jobs_ended"),
        ),
        sa.CheckConstraint(
            "(status IN ('cancelled', 'done', 'failed', 'queued', 'running'))",
            name=op.f("ck_jobs_status"),
        ),
        sa.CheckConstraint("status <> 'failed' OR error IS NOT NULL", name=op.f("ck_jobs_error")),
        sa.CheckConstraint("done >= 0 AND total >= 0", name=op.f("ck_jobs_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        info={"rows_are_deleted": True},
    )
    op.create_index(
        "ix_jobs_expired",
        "jobs",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_listing",
        "jobs",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_jobs_unfinished",
        "jobs",
        ["id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "limits",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("cap_per_payment", sa.BigInteger(), nullable=True),
        sa.Column("cap_per_day", sa.BigInteger(), nullable=True),
        sa.Column("cap_per_payee_per_day", sa.BigInteger(), nullable=True),
        sa.Column("approval_above", sa.BigInteger(), nullable=True),
        sa.Column("approval_above_stated", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_limits")),
    )
    op.create_table(
        "login_failures",
        sa.Column("counter", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("counter", name=op.f("pk_login_failures")),
        info={"rows_are_deleted": True},
    )
    op.create_index("ix_login_failures_last_at", "login_failures", ["last_at"], unique=False)
    op.create_table(
        "networks",
        sa.Column("passphrase", sa.String(length=200), nullable=False),
        sa.Column("protocol_version", sa.Integer(), nullable=False),
        sa.Column("ledger", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("monitored_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("passphrase", name=op.f("pk_networks")),
    )
    op.create_table(
        "parties",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("(kind IN ('customer', 'provider'))", name=op.f("ck_parties_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parties")),
    )
    op.create_index("ix_parties_kind", "parties", ["kind", "id"], unique=False)
    op.create_table(
        "policies",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispute_window_seconds", sa.Integer(), nullable=False),
        sa.Column("decision_window_seconds", sa.Integer(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms_hash", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("dispute_window_seconds >= 0", name=op.f("ck_policies_window")),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_policies")),
        sa.UniqueConstraint("name", "effective_from", name=op.f("uq_policies_name_effective_from")),
    )
    op.create_table(
        "reconciliation_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ledger", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("matched_stroops", sa.Numeric(precision=30, scale=0), nullable=False),
        sa.Column("new_breaks", sa.Integer(), nullable=False),
        sa.Column("open_breaks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_runs")),
        info={"rows_are_deleted": True},
    )
    op.create_index("ix_reconciliation_runs_at", "reconciliation_runs", ["at"], unique=False)
    op.create_table(
        "restorations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("backup_taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("backup_sha256", sa.String(length=64), nullable=False),
        sa.Column("chain_ledger", sa.BigInteger(), nullable=True),
        sa.Column("replaced_database", sa.String(length=63), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restorations")),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signs_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shown_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "spending",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("side", sa.String(length=5), nullable=False),
        sa.Column("account", sa.String(length=56), nullable=False),
        sa.Column("spent_stroops", sa.Numeric(precision=30, scale=0), nullable=False),
        sa.CheckConstraint("spent_stroops >= 0", name=op.f("ck_spending_spent")),
        sa.PrimaryKeyConstraint("day", "side", "account", name=op.f("pk_spending")),
    )
    op.create_table(
        "treasuries",
        sa.Column("address", sa.String(length=56), nullable=False),
        sa.Column(
            "added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("since_ledger", sa.BigInteger(), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column("read_to", sa.BigInteger(), nullable=True),
        sa.Column("signable", sa.Boolean(), nullable=True),
        sa.Column("balance_stroops", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_treasuries")),
    )
    op.create_table(
        "troubles",
        sa.Column("passphrase", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_stroops", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("passphrase", "code", "subject", name=op.f("pk_troubles")),
        info={"rows_are_deleted": True},
    )
    op.create_table(
        "violations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("invariant", sa.String(length=40), nullable=False),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_violations")),
    )
    op.create_index(
        "ix_violations_listing",
        "violations",
        [sa.literal_column("found_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_violations_unresolved",
        "violations",
        ["invariant"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "wallets",
        sa.Column("address", sa.String(length=56), nullable=False),
        sa.Column("funded", sa.Boolean(), nullable=True),
        sa.Column("trustline", sa.Boolean(), nullable=True),
        sa.Column("authorised", sa.Boolean(), nullable=True),
        sa.Column("room_stroops", sa.BigInteger(), nullable=True),
        sa.Column("memo_required", sa.Boolean(), nullable=True),
        sa.Column("ledger", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_wallets")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "agreements",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("bond", sa.String(length=56), nullable=False),
        sa.Column("pool", sa.String(length=56), nullable=False),
        sa.Column("provider", sa.String(length=56), nullable=False),
        sa.Column("beneficiary", sa.String(length=56), nullable=False),
        sa.Column("provider_party", sa.String(length=64), nullable=False),
        sa.Column("beneficiary_party", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["beneficiary_party"], ["parties.id"], name=op.f("fk_agreements_beneficiary_party")
        ),
        sa.ForeignKeyConstraint(
            ["provider_party"], ["parties.id"], name=op.f("fk_agreements_provider_party")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_agreements")),
    )
    op.create_index(
        "ix_agreements_beneficiary_party", "agreements", ["beneficiary_party"], unique=False
    )
    op.create_index("ix_agreements_provider_party", "agreements", ["provider_party"], unique=False)
    op.create_table(
        "balances",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("amount_stroops", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account", "currency"],
            ["accounts.name", "accounts.currency"],
            name=op.f("fk_balances_account_currency"),
        ),
        sa.PrimaryKeyConstraint("account", "currency", "slot", name=op.f("pk_balances")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "import_rows",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_import_rows_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "outage_id", name=op.f("pk_import_rows")),
        info={"rows_are_deleted": True},
    )
    op.create_table(
        "intake_messages",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["source"], ["intake_sources.name"], name=op.f("fk_intake_messages_source")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake_messages")),
    )
    op.create_index(
        "ix_intake_messages_listing",
        "intake_messages",
        [sa.literal_column("received_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_intake_messages_source",
        "intake_messages",
        ["source", sa.literal_column("received_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_intake_messages_status",
        "intake_messages",
        ["status", sa.literal_column("received_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "job_file_chunks",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "length(content) BETWEEN 1 AND 262144", name=op.f("ck_job_file_chunks_length")
        ),
        sa.ForeignKeyConstraint(
            ["job_id", "role"],
            ["job_files.job_id", "job_files.role"],
            name="fk_job_file_chunks_file",
        ),
        sa.PrimaryKeyConstraint("job_id", "role", "number", name=op.f("pk_job_file_chunks")),
        info={"rows_are_deleted": True},
    )
    op.create_table(
        "people",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=100), nullable=False),
        sa.Column("full_name", sa.String(length=200), nullable=True),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("stellar_wallet", sa.String(length=56), nullable=True),
        sa.Column("party", sa.String(length=64), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column(
            "preferences",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(role IN ('admin', 'auditor', 'claimant', 'finance', 'operator', 'viewer'))",
            name=op.f("ck_people_role"),
        ),
        sa.CheckConstraint("role <> 'claimant' OR party IS NOT NULL", name=op.f("ck_people_party")),
        sa.ForeignKeyConstraint(["party"], ["parties.id"], name=op.f("fk_people_party")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("email", name=op.f("uq_people_email")),
    )
    op.create_table(
        "postings",
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("amount_stroops", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_stroops <> 0", name=op.f("ck_postings_amount")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_postings_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "line", name=op.f("pk_postings")),
    )
    op.create_table(
        "submissions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "sent_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "(status IN ('DUPLICATE', 'ERROR', 'NOT_SENT', 'PENDING', 'TRY_AGAIN_LATER', 'UNKNOWN'))",
            name=op.f("ck_submissions_status"),
        ),
        sa.ForeignKeyConstraint(["hash"], ["envelopes.hash"], name=op.f("fk_submissions_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
    )
    op.create_index("ix_submissions_hash", "submissions", ["hash"], unique=False)
    op.create_table(
        "wallet_challenges",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=56), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["address"], ["wallets.address"], name=op.f("fk_wallet_challenges_address")
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_wallet_challenges")),
    )
    op.create_table(
        "wallet_registrations",
        sa.Column("address", sa.String(length=56), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("party", sa.String(length=64), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["address"], ["wallets.address"], name=op.f("fk_wallet_registrations_address")
        ),
        sa.ForeignKeyConstraint(
            ["party"], ["parties.id"], name=op.f("fk_wallet_registrations_party")
        ),
        sa.PrimaryKeyConstraint("address", "owner", name=op.f("pk_wallet_registrations")),
        info={"rows_are_deleted": True},
    )
    op.create_index(
        "ix_wallet_registrations_listing",
        "wallet_registrations",
        [
            sa.literal_column("registered_at DESC"),
            sa.literal_column("address DESC"),
            sa.literal_column("owner DESC"),
        ],
        unique=False,
    )
    op.create_index(
        "ix_wallet_registrations_owner", "wallet_registrations", ["owner"], unique=False
    )
    op.create_index(
        "ix_wallet_registrations_party", "wallet_registrations", ["party"], unique=False
    )
    op.create_index(
        "uq_wallet_registrations_proven",
        "wallet_registrations",
        ["address"],
        unique=True,
        postgresql_where=sa.text("proven_at IS NOT NULL"),
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("scheme", sa.String(length=3), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(scheme IN ('v1', 'v1a'))", name=op.f("ck_webhook_secrets_scheme")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_secrets_webhook_id")
        ),
        sa.PrimaryKeyConstraint("webhook_id", "number", name=op.f("pk_webhook_secrets")),
        info={"rows_are_deleted": True},
    )
    op.create_table(
        "agreement_versions",
        sa.Column("agreement", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("policy", sa.String(length=100), nullable=True),
        sa.Column("bond", sa.String(length=56), nullable=True),
        sa.Column("pool", sa.String(length=56), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "effective_until IS NULL OR effective_until > effective_from",
            name=op.f("ck_agreement_versions_times"),
        ),
        sa.ForeignKeyConstraint(
            ["agreement"], ["agreements.name"], name=op.f("fk_agreement_versions_agreement")
        ),
        sa.PrimaryKeyConstraint("agreement", "version", name=op.f("pk_agreement_versions")),
        sa.UniqueConstraint(
            "agreement",
            "effective_from",
            name=op.f("uq_agreement_versions_agreement_effective_from"),
        ),
    )
    op.create_table(
        "agreement_zones",
        sa.Column("agreement", sa.String(length=100), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement"], ["agreements.name"], name=op.f("fk_agreement_zones_agreement")
        ),
        sa.PrimaryKeyConstraint("agreement", name=op.f("pk_agreement_zones")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column(
            "scopes", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("person_id", sa.String(length=40), nullable=True),
        sa.Column("party", sa.String(length=64), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_by", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "(role IN ('admin', 'auditor', 'claimant', 'finance', 'operator', 'viewer'))",
            name=op.f("ck_api_keys_role"),
        ),
        sa.CheckConstraint(
            "role <> 'claimant' OR party IS NOT NULL OR person_id IS NOT NULL",
            name=op.f("ck_api_keys_party"),
        ),
        sa.CheckConstraint(
            "party IS NULL OR person_id IS NULL", name=op.f("ck_api_keys_one_party")
        ),
        sa.ForeignKeyConstraint(["party"], ["parties.id"], name=op.f("fk_api_keys_party")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_api_keys_person_id")),
        sa.ForeignKeyConstraint(
            ["replaced_by"], ["api_keys.id"], name=op.f("fk_api_keys_replaced_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index(
        "ix_api_keys_listing",
        "api_keys",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("ix_api_keys_name", "api_keys", ["name"], unique=False)
    op.create_table(
        "devices",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_devices_person_id")),
        sa.PrimaryKeyConstraint("digest", "person_id", name=op.f("pk_devices")),
    )
    op.create_table(
        "intake_episodes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=200), nullable=False),
        sa.Column("alert_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("labels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("first_heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("policy", sa.String(length=100), nullable=False),
        sa.Column("agreement", sa.String(length=100), nullable=False),
        sa.Column("target", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retracted_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("continues", sa.String(length=64), nullable=True),
        sa.Column("wants_reopening", sa.Boolean(), nullable=False),
        sa.Column("reopenings", sa.Integer(), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("tzdata", sa.String(length=20), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["continues"], ["intake_episodes.id"], name=op.f("fk_intake_episodes_continues")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["intake_messages.id"], name=op.f("fk_intake_episodes_message_id")
        ),
        sa.ForeignKeyConstraint(
            ["source"], ["intake_sources.name"], name=op.f("fk_intake_episodes_source")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake_episodes")),
    )
    op.create_index(
        "ix_intake_episodes_due",
        "intake_episodes",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_intake_episodes_fingerprint",
        "intake_episodes",
        ["source", "fingerprint", "last_heard_at"],
        unique=False,
    )
    op.create_index(
        "ix_intake_episodes_listing",
        "intake_episodes",
        [sa.literal_column("first_heard_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_intake_episodes_open",
        "intake_episodes",
        ["source", "last_heard_at"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "ix_intake_episodes_source",
        "intake_episodes",
        ["source", sa.literal_column("first_heard_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_intake_episodes_status",
        "intake_episodes",
        ["status", sa.literal_column("first_heard_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "maintenance_windows",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=200), nullable=False),
        sa.Column("account", sa.String(length=200), nullable=True),
        sa.Column("maintenance_id", sa.String(length=200), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("circuits", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tzdata", sa.String(length=20), nullable=True),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_maintenance_windows_times")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["intake_messages.id"], name=op.f("fk_maintenance_windows_message_id")
        ),
        sa.ForeignKeyConstraint(
            ["source"], ["intake_sources.name"], name=op.f("fk_maintenance_windows_source")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_windows")),
    )
    op.create_index(
        "ix_maintenance_windows_listing",
        "maintenance_windows",
        [sa.literal_column("starts_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_maintenance_windows_newest",
        "maintenance_windows",
        ["source", "provider", "maintenance_id", "sequence"],
        unique=False,
    )
    op.create_table(
        "payouts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("agreement", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=56), nullable=False),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.String(length=200), nullable=True),
        sa.CheckConstraint("effective_at >= asked_at", name=op.f("ck_payouts_cool_off")),
        sa.ForeignKeyConstraint(["address"], ["wallets.address"], name=op.f("fk_payouts_address")),
        sa.ForeignKeyConstraint(
            ["agreement"], ["agreements.name"], name=op.f("fk_payouts_agreement")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payouts")),
    )
    op.create_index(
        "ix_payouts_standing",
        "payouts",
        ["agreement", "role", "effective_at"],
        unique=False,
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_salt", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=30), nullable=True),
        sa.Column("address", sa.String(length=60), nullable=False),
        sa.Column("client", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "(end_reason IN ('admin_logout', 'logout', 'password_changed', 'person_disabled', 'refresh_reused', 'session_expired'))",
            name=op.f("ck_sessions_end_reason"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (end_reason IS NULL)", name=op.f("ck_sessions_end")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sessions_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
    )
    op.create_index("ix_sessions_person_id", "sessions", ["person_id"], unique=False)
    op.create_table(
        "agreement_coverages",
        sa.Column("agreement", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.CheckConstraint("kind IN ('site', 'service')", name=op.f("ck_agreement_coverages_kind")),
        sa.ForeignKeyConstraint(
            ["agreement", "version"],
            ["agreement_versions.agreement", "agreement_versions.version"],
            name=op.f("fk_agreement_coverages_agreement_version"),
        ),
        sa.PrimaryKeyConstraint(
            "agreement", "version", "kind", "value", name=op.f("pk_agreement_coverages")
        ),
    )
    op.create_index(
        "ix_agreement_coverages_value", "agreement_coverages", ["kind", "value"], unique=False
    )
    op.create_table(
        "outages",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("verdict_status", sa.String(length=20), nullable=True),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("site_name", sa.String(length=200), nullable=False),
        sa.Column("site_id", sa.String(length=100), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("affected_services", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("affected_subscribers", sa.BigInteger(), nullable=True),
        sa.Column("assigned_to", sa.String(length=200), nullable=True),
        sa.Column("location", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("root_cause", sa.Text(), nullable=True),
        sa.Column("resolution_notes", sa.Text(), nullable=True),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispute_deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("correlation_id", sa.String(length=100), nullable=False),
        sa.Column("agreement", sa.String(length=100), nullable=False),
        sa.Column("agreement_version", sa.Integer(), nullable=False),
        sa.Column("names_agreement", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("part_of", sa.String(length=64), nullable=True),
        sa.Column("customer", sa.String(length=64), nullable=True),
        sa.Column("policy", sa.String(length=100), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("resolution_key", sa.String(length=100), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "settled_elsewhere", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.CheckConstraint(
            "NOT settled_elsewhere OR status = 'closed'", name=op.f("ck_outages_settled_elsewhere")
        ),
        sa.CheckConstraint(
            "resolved_at IS NULL OR resolved_at >= detected_at", name=op.f("ck_outages_times")
        ),
        sa.ForeignKeyConstraint(
            ["agreement", "agreement_version"],
            ["agreement_versions.agreement", "agreement_versions.version"],
            name=op.f("fk_outages_agreement_agreement_version"),
        ),
        sa.ForeignKeyConstraint(
            ["agreement"], ["agreements.name"], name=op.f("fk_outages_agreement")
        ),
        sa.ForeignKeyConstraint(["customer"], ["parties.id"], name=op.f("fk_outages_customer")),
        sa.ForeignKeyConstraint(["part_of"], ["outages.id"], name=op.f("fk_outages_part_of")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outages")),
    )
    op.create_index(
        "ix_outages_agreement",
        "outages",
        ["agreement", sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_outages_assigned_to",
        "outages",
        ["assigned_to", sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text("assigned_to IS NOT NULL"),
    )
    op.create_index("ix_outages_changed_at", "outages", ["changed_at"], unique=False)
    op.create_index(
        "ix_outages_listing",
        "outages",
        [sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_outages_part_of",
        "outages",
        ["part_of"],
        unique=False,
        postgresql_where=sa.text("part_of IS NOT NULL"),
    )
    op.create_index(
        "ix_outages_search",
        "outages",
        [
            sa.literal_column(
                "((string_to_array(regexp_replace(substr(lower((((id || ' ') || site_name) || ' ') || description), 1), '(...)', '\\1|', 'g'), '|') || string_to_array(regexp_replace(substr(lower((((id || ' ') || site_name) || ' ') || description), 2), '(...)', '\\1|', 'g'), '|')) || string_to_array(regexp_replace(substr(lower((((id || ' ') || site_name) || ' ') || description), 3), '(...)', '\\1|', 'g'), '|'))"
            )
        ],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        "ix_outages_severity",
        "outages",
        ["severity", sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_outages_severity_rank",
        "outages",
        [
            sa.literal_column(
                "(array_position(ARRAY['low'::text, 'medium'::text, 'high'::text, 'critical'::text], severity::text) - 1)"
            ),
            "id",
        ],
        unique=False,
    )
    op.create_index(
        "ix_outages_site_id",
        "outages",
        ["site_id", sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text("site_id IS NOT NULL"),
    )
    op.create_index("ix_outages_site_name", "outages", ["site_name", "id"], unique=False)
    op.create_index(
        "ix_outages_site_name_newest",
        "outages",
        ["site_name", sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_outages_status",
        "outages",
        ["status", sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_outages_status_rank",
        "outages",
        [
            sa.literal_column(
                "(array_position(ARRAY['declared'::text, 'disputable'::text, 'disputed'::text, 'settling'::text, 'closed'::text, 'cancelled'::text, 'voided'::text], status::text) - 1)"
            ),
            "id",
        ],
        unique=False,
    )
    op.create_index(
        "ix_outages_unfinished",
        "outages",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status NOT IN ('closed', 'cancelled', 'voided')"),
    )
    op.create_index(
        "ix_outages_violated",
        "outages",
        [sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text(
            "verdict_status = 'violated' AND status NOT IN ('declared', 'cancelled')"
        ),
        postgresql_include=["status", "severity"],
    )
    op.create_index(
        "ix_outages_violated_agreement",
        "outages",
        ["agreement", sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text(
            "verdict_status = 'violated' AND status NOT IN ('declared', 'cancelled')"
        ),
    )
    op.create_index(
        "ix_outages_violated_assigned_to",
        "outages",
        ["assigned_to", sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text(
            "verdict_status = 'violated' AND status NOT IN ('declared', 'cancelled') AND assigned_to IS NOT NULL"
        ),
    )
    op.create_index(
        "ix_outages_violated_severity",
        "outages",
        ["severity", sa.literal_column("detected_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text(
            "verdict_status = 'violated' AND status NOT IN ('declared', 'cancelled')"
        ),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_refresh_tokens_session_id")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint(
            "session_id", "sequence", name=op.f("uq_refresh_tokens_session_id_sequence")
        ),
    )
    op.create_index(
        "ix_refresh_tokens_unused",
        "refresh_tokens",
        ["session_id"],
        unique=True,
        postgresql_where=sa.text("used_at IS NULL"),
    )
    op.create_table(
        "disputes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("filed_by", sa.String(length=200), nullable=False),
        sa.Column("party", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision_deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewed_by", sa.String(length=200), nullable=True),
        sa.Column("review_began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution_note", sa.Text(), nullable=True),
        sa.Column("decided_mttr_minutes", sa.BigInteger(), nullable=True),
        sa.Column("decided_severity", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["outage_id"], ["outages.id"], name=op.f("fk_disputes_outage_id")),
        sa.ForeignKeyConstraint(["party"], ["parties.id"], name=op.f("fk_disputes_party")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
    )
    op.create_index(
        "ix_disputes_listing",
        "disputes",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_disputes_outage_id",
        "disputes",
        ["outage_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_disputes_status",
        "disputes",
        ["status", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "uq_disputes_one_undecided",
        "disputes",
        ["outage_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('open', 'under_review')"),
    )
    op.create_table(
        "event_counts",
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["outage_id"], ["outages.id"], name=op.f("fk_event_counts_outage_id")
        ),
        sa.PrimaryKeyConstraint("outage_id", name=op.f("pk_event_counts")),
    )
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=50), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("outage_id", sa.String(length=64), nullable=True),
        sa.Column("outage_sequence", sa.Integer(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trace", sa.String(length=55), nullable=True),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.CheckConstraint(
            "(outage_id IS NULL) = (outage_sequence IS NULL)", name=op.f("ck_events_numbered")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["audit_entries.id"], name=op.f("fk_events_entry_id")
        ),
        sa.ForeignKeyConstraint(["outage_id"], ["outages.id"], name=op.f("fk_events_outage_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
        sa.UniqueConstraint(
            "outage_id", "outage_sequence", name=op.f("uq_events_outage_id_outage_sequence")
        ),
    )
    op.create_index("ix_events_feed", "events", ["xid", "sequence"], unique=False)
    op.create_index("ix_events_outage_id", "events", ["outage_id", "sequence"], unique=False)
    op.create_table(
        "payments",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("queue_number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("amount_stroops", sa.BigInteger(), nullable=False),
        sa.Column("asset_code", sa.String(length=12), nullable=False),
        sa.Column("payer", sa.String(length=20), nullable=False),
        sa.Column("from_address", sa.String(length=56), nullable=False),
        sa.Column("to_address", sa.String(length=56), nullable=False),
        sa.Column("transaction_hash", sa.String(length=64), nullable=True),
        sa.Column("ledger", sa.BigInteger(), nullable=True),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("batch_ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(reason_code IN ('account_frozen', 'approval_required', 'cap_per_day', 'cap_per_payee_per_day', 'cap_per_payment', 'chain_unread', 'channel_missing', 'circuit_breaker_open', 'claim_unconfirmed', 'commits_not_durable', 'fee_cap_too_low', 'history_unavailable', 'key_not_held', 'nodes_disagree', 'out_of_band_payment', 'payee_invalid', 'payee_limit_reached', 'payee_missing', 'payee_no_trustline', 'payee_not_authorized', 'payee_requires_memo', 'second_person_required', 'transfer_refused', 'treasury_missing', 'treasury_no_trustline', 'treasury_not_authorized', 'treasury_underfunded', 'unknown_transaction'))",
            name=op.f("ck_payments_reason_code"),
        ),
        sa.CheckConstraint(
            "(status = 'confirmed') = (transaction_hash IS NOT NULL AND confirmed_at IS NOT NULL)",
            name=op.f("ck_payments_confirmed"),
        ),
        sa.CheckConstraint(
            "(status IN ('blocked', 'on_hold', 'quarantined')) = (reason_code IS NOT NULL) OR (status = 'submitted' AND reason_code = 'nodes_disagree')",
            name=op.f("ck_payments_stopped"),
        ),
        sa.CheckConstraint(
            "(reason_code IS NULL) = (status_reason IS NULL)",
            name=op.f("ck_payments_status_reason"),
        ),
        sa.CheckConstraint("amount_stroops > 0", name=op.f("ck_payments_amount")),
        sa.CheckConstraint("number > 0", name=op.f("ck_payments_number")),
        sa.ForeignKeyConstraint(["outage_id"], ["outages.id"], name=op.f("fk_payments_outage_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("number", name=op.f("uq_payments_number")),
        sa.UniqueConstraint("outage_id", "revision", name=op.f("uq_payments_outage_id_revision")),
    )
    op.create_index(
        "ix_payments_batch_ready",
        "payments",
        ["batch_ready_at"],
        unique=False,
        postgresql_where=sa.text("batch_ready_at IS NOT NULL"),
    )
    op.create_index(
        "ix_payments_listing",
        "payments",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_payments_pending",
        "payments",
        ["queue_number"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_payments_status",
        "payments",
        ["status", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("ix_payments_transaction_hash", "payments", ["transaction_hash"], unique=False)
    op.create_index(
        "ix_payments_type",
        "payments",
        ["type", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_payments_unconfirmed",
        "payments",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status NOT IN ('confirmed', 'voided')"),
    )
    op.create_table(
        "sla_results",
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("payment_type", sa.String(length=20), nullable=False),
        sa.Column("rating", sa.String(length=20), nullable=False),
        sa.Column("mttr_minutes", sa.BigInteger(), nullable=False),
        sa.Column("mttr_basis", sa.String(length=20), nullable=False),
        sa.Column("measured_minutes", sa.BigInteger(), nullable=True),
        sa.Column(
            "difference_stroops", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("threshold_minutes", sa.Integer(), nullable=False),
        sa.Column("amount_stroops", sa.BigInteger(), nullable=False),
        sa.Column("policy", sa.String(length=100), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint("amount_stroops <> 0", name=op.f("ck_sla_results_amount")),
        sa.ForeignKeyConstraint(
            ["outage_id"], ["outages.id"], name=op.f("fk_sla_results_outage_id")
        ),
        sa.PrimaryKeyConstraint("outage_id", "revision", name=op.f("pk_sla_results")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_sla_results_payment_id")),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("approver", sa.String(length=100), nullable=False),
        sa.Column("makers", postgresql.ARRAY(sa.String(length=200)), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(voided_at IS NULL) = (voided_reason IS NULL)", name=op.f("ck_approvals_voided")
        ),
        sa.CheckConstraint("approver <> ALL (makers)", name=op.f("ck_approvals_makers")),
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
    op.create_table(
        "attestations",
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("contract_id", sa.String(length=56), nullable=True),
        sa.Column("transaction_hash", sa.String(length=64), nullable=True),
        sa.Column("ledger", sa.BigInteger(), nullable=True),
        sa.Column("config_hash", sa.Numeric(precision=20, scale=0), nullable=True),
        sa.Column("config_snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("fresh", sa.Boolean(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attested_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'attested') = (contract_id IS NOT NULL AND transaction_hash IS NOT NULL AND ledger IS NOT NULL AND config_hash IS NOT NULL AND config_snapshot IS NOT NULL AND result IS NOT NULL AND fresh IS NOT NULL AND attested_at IS NOT NULL)",
            name=op.f("ck_attestations_attested"),
        ),
        sa.CheckConstraint(
            "(status = 'halted') = (problem IS NOT NULL)", name=op.f("ck_attestations_halted")
        ),
        sa.ForeignKeyConstraint(
            ["outage_id", "revision"],
            ["sla_results.outage_id", "sla_results.revision"],
            name=op.f("fk_attestations_outage_id_revision"),
        ),
        sa.PrimaryKeyConstraint("outage_id", "revision", name=op.f("pk_attestations")),
        sa.UniqueConstraint("symbol", name=op.f("uq_attestations_symbol")),
    )
    op.create_table(
        "authorisations",
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("to_address", sa.String(length=56), nullable=False),
        sa.Column("amount_stroops", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_authorisations_payment_id")
        ),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_authorisations")),
    )
    op.create_table(
        "breaks",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=True),
        sa.Column("number", sa.Numeric(precision=20, scale=0), nullable=True),
        sa.Column("transaction_hash", sa.String(length=64), nullable=True),
        sa.Column("treasury", sa.String(length=56), nullable=True),
        sa.Column("journal_stroops", sa.BigInteger(), nullable=False),
        sa.Column("chain_stroops", sa.BigInteger(), nullable=False),
        sa.Column("owed_to", sa.String(length=56), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=10), server_default=sa.text("'open'"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(length=100), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("adjustment", sa.String(length=10), nullable=True),
        sa.Column("entry_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(status = 'closed') = (closed_at IS NOT NULL AND closed_by IS NOT NULL AND note IS NOT NULL AND adjustment IS NOT NULL)",
            name=op.f("ck_breaks_closed"),
        ),
        sa.CheckConstraint(
            "adjustment IS NULL OR (adjustment = 'suspense') = (entry_id IS NOT NULL)",
            name=op.f("ck_breaks_adjustment"),
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_breaks_entry_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_breaks_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaks")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_breaks_entry_id")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_breaks_kind_subject")),
    )
    op.create_index(
        "ix_breaks_listing",
        "breaks",
        [sa.literal_column("found_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_breaks_open",
        "breaks",
        ["kind"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "channels",
        sa.Column("address", sa.String(length=56), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("read_sequence", sa.BigInteger(), nullable=True),
        sa.Column("payment_id", sa.String(length=64), nullable=True),
        sa.Column("quarantined", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_channels_payment_id")
        ),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_channels")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("earlier_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("response_code", sa.Integer(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_deliveries_event_id")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "event_id", "webhook_id", name=op.f("uq_deliveries_event_id_webhook_id")
        ),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["webhook_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_status",
        "deliveries",
        [
            "webhook_id",
            "status",
            sa.literal_column("created_at DESC"),
            sa.literal_column("id DESC"),
        ],
        unique=False,
        postgresql_where=sa.text("status <> 'success'"),
    )
    op.create_index(
        "ix_deliveries_webhook_id",
        "deliveries",
        ["webhook_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "manual_matches",
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.String(length=40), nullable=False),
        sa.Column("matched_by", sa.String(length=100), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_manual_matches_payment_id")
        ),
        sa.ForeignKeyConstraint(
            ["position"], ["chain_transfers.position"], name=op.f("fk_manual_matches_position")
        ),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_manual_matches")),
        sa.UniqueConstraint("position", name=op.f("uq_manual_matches_position")),
    )
    op.create_table(
        "attempts",
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=56), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("max_ledger", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "rail", sa.String(length=10), server_default=sa.text("'soroban'"), nullable=False
        ),
        sa.Column("batched", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("members", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("sequence_unused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("resubmitted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel"], ["channels.address"], name=op.f("fk_attempts_channel")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_attempts_payment_id")
        ),
        sa.PrimaryKeyConstraint("payment_id", "n", name=op.f("pk_attempts")),
        info={"rows_are_deleted": True},
    )
    op.create_index(
        "uq_attempts_channel_sequence",
        "attempts",
        ["channel", "sequence"],
        unique=True,
        postgresql_where=sa.text("NOT sequence_unused"),
    )
    op.create_index(
        "uq_attempts_one_live",
        "attempts",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'failed' AND NOT batched"),
    )
    op.create_table(
        "break_resolutions",
        sa.Column("break_id", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("amount_stroops", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("resolved_by", sa.String(length=100), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_stroops > 0", name=op.f("ck_break_resolutions_amount")),
        sa.ForeignKeyConstraint(
            ["break_id"], ["breaks.id"], name=op.f("fk_break_resolutions_break_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entries.id"], name=op.f("fk_break_resolutions_entry_id")
        ),
        sa.PrimaryKeyConstraint("break_id", name=op.f("pk_break_resolutions")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_break_resolutions_entry_id")),
    )
    op.create_table(
        "contract_calls",
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("contract_id", sa.String(length=56), nullable=False),
        sa.Column("source", sa.String(length=56), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("xdr", sa.Text(), nullable=False),
        sa.Column("max_ledger", sa.BigInteger(), nullable=False),
        sa.Column("config_snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "signed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("ledger", sa.BigInteger(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("fresh", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["outage_id", "revision"],
            ["attestations.outage_id", "attestations.revision"],
            name=op.f("fk_contract_calls_outage_id_revision"),
        ),
        sa.PrimaryKeyConstraint("outage_id", "revision", "n", name=op.f("pk_contract_calls")),
        sa.UniqueConstraint("hash", name=op.f("uq_contract_calls_hash")),
    )
    op.create_index(
        "uq_contract_calls_one_open",
        "contract_calls",
        ["source"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "uq_contract_calls_sequence",
        "contract_calls",
        ["source", "sequence"],
        unique=True,
        postgresql_where=sa.text("status <> 'expired'"),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("response_code", sa.Integer(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_attempts_delivery_id")
        ),
        sa.PrimaryKeyConstraint("delivery_id", "attempt", name=op.f("pk_delivery_attempts")),
    )
    op.create_table(
        "allocations",
        sa.Column("lead_payment_id", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("netted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("amount_stroops", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(reason_code IN ('account_frozen', 'approval_required', 'cap_per_day', 'cap_per_payee_per_day', 'cap_per_payment', 'chain_unread', 'channel_missing', 'circuit_breaker_open', 'claim_unconfirmed', 'commits_not_durable', 'fee_cap_too_low', 'history_unavailable', 'key_not_held', 'nodes_disagree', 'out_of_band_payment', 'payee_invalid', 'payee_limit_reached', 'payee_missing', 'payee_no_trustline', 'payee_not_authorized', 'payee_requires_memo', 'second_person_required', 'transfer_refused', 'treasury_missing', 'treasury_no_trustline', 'treasury_not_authorized', 'treasury_underfunded', 'unknown_transaction'))",
            name=op.f("ck_allocations_reason_code"),
        ),
        sa.CheckConstraint(
            "(reason_code IS NULL) = (reason IS NULL)", name=op.f("ck_allocations_reason")
        ),
        sa.CheckConstraint("amount_stroops > 0", name=op.f("ck_allocations_amount")),
        sa.ForeignKeyConstraint(
            ["lead_payment_id", "n"],
            ["attempts.payment_id", "attempts.n"],
            name=op.f("fk_allocations_lead_payment_id_n"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_allocations_payment_id")
        ),
        sa.PrimaryKeyConstraint("lead_payment_id", "n", "payment_id", name=op.f("pk_allocations")),
        info={"rows_are_deleted": True},
    )
    op.create_index(
        "ix_allocations_netted",
        "allocations",
        ["payment_id"],
        unique=False,
        postgresql_where=sa.text("netted"),
    )
    op.create_index("ix_allocations_number", "allocations", ["number"], unique=False)
    op.create_index(
        "uq_allocations_one_live",
        "allocations",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("live"),
    )
    # Functions keep this path: temporary tables would come first unless they are named last, and
    # anybody may make one named postings.
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(f"SET LOCAL search_path = {schema}, pg_temp")
    for statements in read_sql_files():
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("There is nothing before the baseline; restore a backup instead.")
