"""The networks this book has been settled on, and how far each was seen to have come."""

import sqlalchemy as sa
from sqlalchemy import Column, String, Table

from adapters.postgres.tables.metadata import Instant, metadata

networks = Table(
    "networks",
    metadata,
    Column("passphrase", String(200), primary_key=True),
    Column("protocol_version", sa.Integer, nullable=False),
    # A network that shows a lower one, closed later, was reset: the book is not about it.
    Column("ledger", sa.BigInteger, nullable=False),
    Column("closed_at", Instant, nullable=False),
)
