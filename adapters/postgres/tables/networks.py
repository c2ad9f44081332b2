"""The networks that payments were settled on, with the newest ledger seen of each, and what is wrong there."""

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
    Column("surveyed_at", Instant),
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
