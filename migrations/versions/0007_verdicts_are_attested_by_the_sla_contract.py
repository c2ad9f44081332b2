"""Verdicts are attested by the SLA contract, and one that waits for it is not paid."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Whatever the code above believes: a verdict that wants the contract's word has it, or is not paid.
GUARD = """
CREATE FUNCTION check_payment_is_attested() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM attestations
        WHERE outage_id = NEW.outage_id AND revision = NEW.revision AND status <> 'attested'
    ) THEN
        RAISE EXCEPTION 'revision % of outage % is not attested', NEW.revision, NEW.outage_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_is_attested BEFORE INSERT ON payments
    FOR EACH ROW EXECUTE FUNCTION check_payment_is_attested();
"""


def _attestations() -> None:
    op.create_table(
        "attestations",
        sa.Column("outage_id", sa.String(64), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("contract_id", sa.String(56)),
        sa.Column("transaction_hash", sa.String(64)),
        sa.Column("ledger", sa.BigInteger),
        sa.Column("config_hash", sa.Numeric(20, 0)),
        sa.Column("config_snapshot", JSONB),
        sa.Column("result", JSONB),
        sa.Column("fresh", sa.Boolean),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attested_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("outage_id", "revision", name="pk_attestations"),
        sa.UniqueConstraint("symbol", name="uq_attestations_symbol"),
        sa.ForeignKeyConstraint(
            ["outage_id", "revision"],
            ["sla_results.outage_id", "sla_results.revision"],
            name="fk_attestations_outage_id_revision",
        ),
        sa.CheckConstraint(
            "(status = 'attested') = (contract_id IS NOT NULL AND transaction_hash IS NOT NULL"
            " AND ledger IS NOT NULL AND config_hash IS NOT NULL AND config_snapshot IS NOT NULL"
            " AND result IS NOT NULL AND fresh IS NOT NULL AND attested_at IS NOT NULL)",
            name="ck_attestations_attested",
        ),
        sa.CheckConstraint(
            "(status = 'halted') = (problem IS NOT NULL)", name="ck_attestations_halted"
        ),
    )


def _calls() -> None:
    op.create_table(
        "contract_calls",
        sa.Column("outage_id", sa.String(64), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("contract_id", sa.String(56), nullable=False),
        sa.Column("source", sa.String(56), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("xdr", sa.Text, nullable=False),
        sa.Column("max_ledger", sa.BigInteger, nullable=False),
        sa.Column("config_snapshot", JSONB, nullable=False),
        sa.Column(
            "signed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
        ),
        sa.Column("ledger", sa.BigInteger),
        sa.Column("result", JSONB),
        sa.Column("fresh", sa.Boolean),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("outage_id", "revision", "n", name="pk_contract_calls"),
        sa.UniqueConstraint("hash", name="uq_contract_calls_hash"),
        sa.ForeignKeyConstraint(
            ["outage_id", "revision"],
            ["attestations.outage_id", "attestations.revision"],
            name="fk_contract_calls_outage_id_revision",
        ),
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


def upgrade() -> None:
    _attestations()
    _calls()
    op.execute(GUARD)


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
