"""Wallets, who has registered them, the challenges that prove them, and the payout addresses of parties."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

wallets = Table(
    "wallets",
    metadata,
    Column("address", String(56), primary_key=True),
    # The last answer of the network, and when; NULL until it was asked.
    Column("funded", sa.Boolean),
    Column("trustline", sa.Boolean),
    Column("authorised", sa.Boolean),
    Column("room_stroops", sa.BigInteger),
    Column("memo_required", sa.Boolean),
    Column("ledger", sa.BigInteger),
    Column("read_at", Instant),
)

# Who says that it is theirs; whoever proves it ends the others.
wallet_registrations = Table(
    "wallet_registrations",
    metadata,
    Column("address", String(56), sa.ForeignKey("wallets.address"), primary_key=True),
    Column("owner", String(200), primary_key=True),
    # Where the owner is a party of ours, or a person of one.
    Column("party", String(64), sa.ForeignKey("parties.id")),
    Column("registered_at", Instant, nullable=False),
    Column("proven_at", Instant),
    Index(
        "ix_wallet_registrations_listing",
        *(text("registered_at DESC"), text("address DESC"), text("owner DESC")),
    ),
    Index("ix_wallet_registrations_owner", "owner"),
    Index("ix_wallet_registrations_party", "party"),
    Index(
        "uq_wallet_registrations_proven",
        "address",
        unique=True,
        postgresql_where=text("proven_at IS NOT NULL"),
    ),
    info={"rows_are_deleted": True},
)

wallet_challenges = Table(
    "wallet_challenges",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("address", String(56), sa.ForeignKey("wallets.address"), nullable=False),
    # The owner it was made for; it does not count once another one has proven the wallet.
    Column("owner", String(200), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    # The request that used it up: the same request may repeat when its answer was lost.
    Column("used_by", String(200)),
)

payouts = Table(
    "payouts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("agreement", String(100), sa.ForeignKey("agreements.name"), nullable=False),
    Column("role", String(20), nullable=False),
    Column("address", String(56), sa.ForeignKey("wallets.address"), nullable=False),
    Column("asked_by", String(200), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("effective_at", Instant, nullable=False),
    Column("cancelled_at", Instant),
    Column("cancelled_by", String(200)),
    sa.CheckConstraint("effective_at >= asked_at", name="cool_off"),
    Index(
        "ix_payouts_standing",
        "agreement",
        "role",
        "effective_at",
        postgresql_where=text("cancelled_at IS NULL"),
    ),
)
