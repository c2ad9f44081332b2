"""
This installation: one row, made with the database, so that a copy or a restored backup has the same one; and
what it wrote on the chain to claim its channel accounts, which a copy made before does not know.
"""

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
    # When everything unfinished was last compared with the workflow server; how much of it has no workflow that
    # takes it up, and since when.
    Column("swept_at", Instant),
    Column("unattended", sa.Integer, nullable=False, server_default=text("0")),
    Column("unattended_since", Instant),
    sa.CheckConstraint("one", name="one"),
)

installation_claims = Table(
    "installation_claims",
    metadata,
    Column("n", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    # Each is committed here before it is signed, and signed for one sequence of the account alone.
    Column("token", sa.LargeBinary, nullable=False, unique=True),
    Column("kind", sa.SmallInteger, nullable=False),
    Column("made_by", sa.Text, nullable=False),
    Column("claimed_at", Instant, nullable=False),
    # When another engine's claim stood instead; this one must not start again without a person's word.
    Column("refused_at", Instant),
    sa.CheckConstraint("octet_length(token) = 32", name="token"),
)
