"""This installation: one row, made with the database, so that a copy or a restored backup has the same one."""

import sqlalchemy as sa
from sqlalchemy import Column, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

installation = Table(
    "installation",
    metadata,
    # There is one installation in a database, so there is one row.
    Column("one", sa.Boolean, primary_key=True, server_default=text("true")),
    Column("id", sa.Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    # Set when the chain shows transactions of ours that this database does not know, as after a restore:
    # nothing is signed before the chain was read past this ledger.
    Column("read_past_ledger", sa.BigInteger),
    sa.CheckConstraint("one", name="one"),
)
