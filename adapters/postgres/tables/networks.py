"""The networks that payments were settled on, with the newest ledger seen of each."""

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
    # What a person must repair there, as the settlement worker last saw it; NULL when nothing is wrong.
    Column("trouble", sa.Text),
)
