"""What analytics are read from: the changes not yet folded, what each outage adds, sums by the hour and day, histograms."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, metadata

# Written by triggers, in the transaction of each change, and never waited for: every change is a row of its own.
analytics_changes = Table(
    "analytics_changes",
    metadata,
    Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    Column("outage_id", String(64), nullable=False),
    info={"rows_are_deleted": True},
)

# What each outage added to the sums below when it was last folded.
analytics_contributions = Table(
    "analytics_contributions",
    metadata,
    Column("outage_id", String(64), primary_key=True),
    Column("detected_at", Instant, nullable=False),
    # When the service was back; NULL while it is down.
    Column("ended_at", Instant),
    Column("agreement", String(100), nullable=False),
    # Of the newest verdict, before it of the outage.
    Column("severity", String(20), nullable=False),
    Column("site_id", String(100)),
    Column("site_name", String(200), nullable=False),
    Column("phase", String(10), nullable=False),
    Column("violated", sa.Boolean, nullable=False),
    Column("mttr_minutes", sa.BigInteger),
    Column("rewards_stroops", sa.BigInteger, nullable=False),
    Column("penalties_stroops", sa.BigInteger, nullable=False),
    sa.CheckConstraint("phase IN ('open', 'judged', 'cancelled', 'voided')", name="phase"),
    Index("ix_analytics_contributions_detected_at", "detected_at"),
    Index("ix_analytics_contributions_agreement", "agreement", "detected_at"),
    Index("ix_analytics_contributions_ended_at", "agreement", "ended_at"),
    Index(
        "ix_analytics_contributions_site_id",
        *("site_id", "detected_at"),
        postgresql_where=text("site_id IS NOT NULL"),
    ),
    Index("ix_analytics_contributions_site_name", "site_name", "detected_at"),
)

# Sums over the outages that were detected in an hour, or a day, of UTC. The agreement '' is all of them.
analytics_rollups = Table(
    "analytics_rollups",
    metadata,
    Column("agreement", String(100), primary_key=True),
    Column("grain", String(5), primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    Column("severity", String(20), primary_key=True),
    Column("detected", sa.BigInteger, nullable=False),
    Column("cancelled", sa.BigInteger, nullable=False),
    Column("voided", sa.BigInteger, nullable=False),
    Column("judged", sa.BigInteger, nullable=False),
    Column("violations", sa.BigInteger, nullable=False),
    Column("minutes", sa.Numeric(30, 0), nullable=False),
    Column("rewards_stroops", sa.Numeric(30, 0), nullable=False),
    Column("penalties_stroops", sa.Numeric(30, 0), nullable=False),
    postgresql_with={"fillfactor": "80"},
)

# How many of them took so many minutes, by the day or month of UTC.
analytics_histograms = Table(
    "analytics_histograms",
    metadata,
    Column("agreement", String(100), primary_key=True),
    Column("grain", String(5), primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    Column("severity", String(20), primary_key=True),
    Column("mttr_minutes", sa.BigInteger, primary_key=True),
    Column("outages", sa.BigInteger, nullable=False),
    postgresql_with={"fillfactor": "80"},
)
