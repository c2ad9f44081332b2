"""Attestations of verdicts by the SLA contract, its signed calls, and the execution mode. Time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import OPEN, Instant, metadata

attestations = Table(
    "attestations",
    metadata,
    Column("outage_id", String(64), primary_key=True),
    Column("revision", sa.Integer, primary_key=True),
    # The verdict's symbol on the chain.
    Column("symbol", String(32), nullable=False, unique=True),
    Column("status", String(20), nullable=False),
    Column("problem", sa.Text),
    Column("contract_id", String(56)),
    Column("transaction_hash", String(64)),
    Column("ledger", sa.BigInteger),
    # The contract's hash is an unsigned 64-bit number; the chain keeps no history of configs.
    Column("config_hash", sa.Numeric(20, 0)),
    Column("config_snapshot", JSONB),
    Column("result", JSONB),
    Column("fresh", sa.Boolean),
    Column("requested_at", Instant, nullable=False),
    Column("attested_at", Instant),
    sa.ForeignKeyConstraint(
        ["outage_id", "revision"], ["sla_results.outage_id", "sla_results.revision"]
    ),
    sa.CheckConstraint(
        "(status = 'attested') = (contract_id IS NOT NULL AND transaction_hash IS NOT NULL"
        " AND ledger IS NOT NULL AND config_hash IS NOT NULL AND config_snapshot IS NOT NULL"
        " AND result IS NOT NULL AND fresh IS NOT NULL AND attested_at IS NOT NULL)",
        name="attested",
    ),
    sa.CheckConstraint("(status = 'halted') = (problem IS NOT NULL)", name="halted"),
)

contract_calls = Table(
    "contract_calls",
    metadata,
    Column("outage_id", String(64), primary_key=True),
    Column("revision", sa.Integer, primary_key=True),
    Column("n", sa.Integer, primary_key=True),
    Column("status", String(20), nullable=False),
    Column("contract_id", String(56), nullable=False),
    Column("source", String(56), nullable=False),
    Column("sequence", sa.BigInteger, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("xdr", sa.Text, nullable=False),
    Column("max_ledger", sa.BigInteger, nullable=False),
    # The contract's terms when the bytes were signed.
    Column("config_snapshot", JSONB, nullable=False),
    Column("signed_at", Instant, nullable=False, server_default=text("now()")),
    Column("ledger", sa.BigInteger),
    Column("result", JSONB),
    Column("fresh", sa.Boolean),
    Column("reason", sa.Text),
    sa.ForeignKeyConstraint(
        ["outage_id", "revision"], ["attestations.outage_id", "attestations.revision"]
    ),
    # All calls write one ledger entry and use one account's sequence, so one is open at a time.
    Index("uq_contract_calls_one_open", "source", unique=True, postgresql_where=OPEN),
    # Only a call that can never enter a ledger leaves its sequence to the next.
    Index(
        "uq_contract_calls_sequence",
        "source",
        "sequence",
        unique=True,
        postgresql_where=text("status <> 'expired'"),
    ),
)

# One row, `settlement`: whether verdicts need the contract's confirmation, as its worker last set it.
execution_modes = Table(
    "execution_modes",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("contract_execution_mode", String(20), nullable=False),
    Column("set_at", Instant, nullable=False),
    sa.CheckConstraint("contract_execution_mode IN ('local', 'soroban')", name="known"),
)
