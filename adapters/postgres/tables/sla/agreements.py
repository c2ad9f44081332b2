"""Parties, and the agreements between them: versions are added, never changed."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text

from adapters.postgres.tables.metadata import Instant, make_one_of, metadata
from domain.sla.agreements.parties import PartyKind

parties = Table(
    "parties",
    metadata,
    # The caller's own code.
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    sa.CheckConstraint(make_one_of("kind", PartyKind), name="kind"),
    Index("ix_parties_kind", "kind", "id"),
)

agreements = Table(
    "agreements",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("bond", String(56), nullable=False),
    Column("pool", String(56), nullable=False),
    Column("provider", String(56), nullable=False),
    Column("beneficiary", String(56), nullable=False),
    Column("provider_party", String(64), sa.ForeignKey("parties.id"), nullable=False),
    Column("beneficiary_party", String(64), sa.ForeignKey("parties.id"), nullable=False),
    Index("ix_agreements_provider_party", "provider_party"),
    Index("ix_agreements_beneficiary_party", "beneficiary_party"),
)

# In which zone the months of an agreement begin; UTC for one that is not here.
agreement_zones = Table(
    "agreement_zones",
    metadata,
    Column("agreement", String(100), sa.ForeignKey("agreements.name"), primary_key=True),
    Column("time_zone", String(64), nullable=False),
    Column("changed_by", String(200), nullable=False),
    Column("changed_at", Instant, nullable=False),
)

agreement_versions = Table(
    "agreement_versions",
    metadata,
    Column("agreement", String(100), sa.ForeignKey("agreements.name"), primary_key=True),
    Column("version", sa.Integer, primary_key=True),
    Column("effective_from", Instant, nullable=False),
    Column("effective_until", Instant),
    # None leaves the policy to the outage, or to the settings.
    Column("policy", String(100)),
    # The treasuries that pay from this version on; None is that of the agreement, with which it was made.
    Column("bond", String(56)),
    Column("pool", String(56)),
    Column("digest", String(64), nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    sa.UniqueConstraint("agreement", "effective_from"),
    sa.CheckConstraint("effective_until IS NULL OR effective_until > effective_from", name="times"),
)

agreement_coverages = Table(
    "agreement_coverages",
    metadata,
    Column("agreement", String(100), primary_key=True),
    Column("version", sa.Integer, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("value", String(200), primary_key=True),
    sa.ForeignKeyConstraint(
        ["agreement", "version"], ["agreement_versions.agreement", "agreement_versions.version"]
    ),
    sa.CheckConstraint("kind IN ('site', 'service')", name="kind"),
    # An outage is found by what it names.
    Index("ix_agreement_coverages_value", "kind", "value"),
)
