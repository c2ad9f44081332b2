"""Restorations of this database from a backup, each a row that is never changed. Time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, String, Table

from adapters.postgres.tables.metadata import Instant, metadata

restorations = Table(
    "restorations",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    # Until the chain has been read past this instant, the journal is older than the chain.
    Column("restored_at", Instant, nullable=False),
    Column("backup_taken_at", Instant, nullable=False),
    Column("backup_sha256", String(64), nullable=False),
    # The last ledger that the backup had read; NULL when it had read none.
    Column("chain_ledger", sa.BigInteger),
    # The name under which the database that was there before is kept; NULL when there was none.
    Column("replaced_database", String(63)),
)
