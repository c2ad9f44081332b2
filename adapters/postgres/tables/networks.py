"""The networks that payments were settled on, what is wrong there, and restorations: then a network knows more than the journal."""

import sqlalchemy as sa
from sqlalchemy import Column, String, Table

from adapters.postgres.tables.metadata import Instant, metadata

networks = Table(
    "networks",
    metadata,
    Column("passphrase", String(200), primary_key=True),
    Column("protocol_version", sa.Integer, nullable=False),
    # A network that shows a lower ledger, closed later, was reset: the database does not belong to it.
    Column("ledger", sa.BigInteger, nullable=False),
    Column("closed_at", Instant, nullable=False),
    # When a settlement worker last looked; NULL until one has.
    Column("monitored_at", Instant),
)

# What a person must repair there, as the settlement worker last saw it.
troubles = Table(
    "troubles",
    metadata,
    Column("passphrase", String(200), primary_key=True),
    Column("code", String(40), primary_key=True),
    # What it is about, where there may be several: an account.
    Column("subject", String(200), primary_key=True),
    Column("sentence", sa.Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("missing_stroops", sa.BigInteger),
)

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
