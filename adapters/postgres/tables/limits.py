"""Limits, what is spent of them, approvals, authorisations and the circuit breaker. Money is whole stroops, time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.tables.metadata import Instant, metadata

# The limits that settlement workers enforce, for others to read. Both tables have one row, `settlement`.
limits = Table(
    "limits",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("cap_per_payment", sa.BigInteger),
    Column("cap_per_day", sa.BigInteger),
    Column("cap_per_payee_per_day", sa.BigInteger),
    Column("approval_above", sa.BigInteger),
    Column("approval_above_stated", sa.BigInteger),
    Column("set_at", Instant, nullable=False),
)

circuit_breakers = Table(
    "circuit_breakers",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("is_open", sa.Boolean, nullable=False),
    Column("reason", sa.Text, nullable=False),
    Column("changed_by", String(200), nullable=False),
    Column("changed_at", Instant, nullable=False),
)

# Sums admitted on a UTC day, from a treasury (payer) and to a payee. A sum may be larger than a bigint.
spending = Table(
    "spending",
    metadata,
    Column("day", sa.Date, primary_key=True),
    Column("side", String(5), primary_key=True),
    Column("account", String(56), primary_key=True),
    Column("spent_stroops", sa.Numeric(30, 0), nullable=False),
    sa.CheckConstraint("spent_stroops >= 0", name="spent"),
)

# A payment counts once, on the last day on which it was admitted.
authorisations = Table(
    "authorisations",
    metadata,
    Column("payment_id", String(64), sa.ForeignKey("payments.id"), primary_key=True),
    Column("day", sa.Date, nullable=False),
    Column("to_address", String(56), nullable=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("admitted_at", Instant, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("payment_id", String(64), sa.ForeignKey("payments.id"), nullable=False),
    Column("approver", String(100), nullable=False),
    Column("makers", ARRAY(String(200)), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("note", sa.Text, nullable=False),
    Column("approved_at", Instant, nullable=False),
    Column("voided_at", Instant),
    Column("voided_reason", sa.Text),
    sa.CheckConstraint("approver <> ALL (makers)", name="makers"),
    sa.CheckConstraint("(voided_at IS NULL) = (voided_reason IS NULL)", name="voided"),
    Index(
        "uq_approvals_one_each",
        "payment_id",
        "approver",
        unique=True,
        postgresql_where=text("voided_at IS NULL"),
    ),
)
