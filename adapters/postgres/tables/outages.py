"""Policies, outages, verdicts and disputes. Money is bigint stroops, time is timestamptz in UTC."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import Instant, metadata
from domain.sla.listings import SEVERITY_ORDER, STATUS_ORDER

# What a search looks through: every three letters in a row, by which a part of a word is found. They are
# cut from the first, the second and the third letter on, with nothing but what PostgreSQL has. The
# brackets are as it writes them, so that a check of the tables finds no difference.
_SEARCHED = "lower((((id || ' ') || site_name) || ' ') || description)"
_FIRST, _SECOND, _THIRD = (
    f"string_to_array(regexp_replace(substr({_SEARCHED}, {start}), '(...)', '\\1|', 'g'), '|')"
    for start in (1, 2, 3)
)
SEARCHED_TRIGRAMS = f"(({_FIRST} || {_SECOND}) || {_THIRD})"


def make_rank(column: str, order: Iterable[str]) -> str:
    """Return the SQL for a word's place in its own order, as the index has it and as PostgreSQL writes it."""
    words = ", ".join(f"'{word}'::text" for word in order)
    return f"array_position(ARRAY[{words}], {column}::text) - 1"


# Of the newest verdict; one on an outage that is declared again is taken back.
VIOLATED = "verdict_status = 'violated' AND status NOT IN ('declared', 'cancelled')"
_NEWEST_FIRST = (text("detected_at DESC"), text("id DESC"))

policies = Table(
    "policies",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("version", sa.Integer, primary_key=True),
    Column("effective_from", Instant, nullable=False),
    Column("dispute_window_seconds", sa.Integer, nullable=False),
    Column("decision_window_seconds", sa.Integer, nullable=False),
    Column("terms", JSONB, nullable=False),
    # The contract's hash is an unsigned 64-bit number.
    Column("terms_hash", sa.Numeric(20, 0), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    sa.UniqueConstraint("name", "effective_from"),
    sa.CheckConstraint("dispute_window_seconds >= 0", name="window"),
)

outages = Table(
    "outages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("status", String(20), nullable=False),
    # What its newest verdict says, by which violations are listed without reading the verdicts.
    Column("verdict_status", String(20)),
    Column("severity", String(20), nullable=False),
    Column("site_name", String(200), nullable=False),
    Column("site_id", String(100)),
    Column("description", sa.Text, nullable=False),
    Column("affected_services", JSONB, nullable=False),
    Column("affected_subscribers", sa.BigInteger),
    Column("assigned_to", String(200)),
    Column("location", JSONB),
    Column("root_cause", sa.Text),
    Column("resolution_notes", sa.Text),
    Column("detected_at", Instant, nullable=False),
    Column("declared_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("dispute_deadline", Instant),
    Column("closed_at", Instant),
    Column("fingerprint", String(64), nullable=False),
    Column("correlation_id", String(100), nullable=False),
    Column("agreement", String(100), sa.ForeignKey("agreements.name"), nullable=False),
    Column("agreement_version", sa.Integer, nullable=False),
    # Whether the declarer named it; otherwise it was found by what the outage affects.
    Column("names_agreement", sa.Boolean, nullable=False, server_default=text("false")),
    # The outage that this is a part of: the same one, under a further agreement.
    Column("part_of", String(64), sa.ForeignKey("outages.id")),
    # The party that the declarer named as concerned.
    Column("customer", String(64), sa.ForeignKey("parties.id")),
    Column("policy", String(100), nullable=False),
    Column("policy_version", sa.Integer, nullable=False),
    # Which request resolved it: the same one asked again is answered again, any other is refused.
    Column("resolution_key", String(100)),
    # Grows by one in every transaction that changes the outage, its verdict or its dispute.
    Column("version", sa.Integer, nullable=False, server_default=text("1")),
    Column("changed_at", Instant, nullable=False, server_default=text("now()")),
    # Of the past, imported with its verdict: nothing of it is paid, disputed or amended here.
    Column("settled_elsewhere", sa.Boolean, nullable=False, server_default=text("false")),
    sa.ForeignKeyConstraint(
        ["agreement", "agreement_version"],
        ["agreement_versions.agreement", "agreement_versions.version"],
    ),
    sa.CheckConstraint("resolved_at IS NULL OR resolved_at >= detected_at", name="times"),
    sa.CheckConstraint("NOT settled_elsewhere OR status = 'closed'", name="settled_elsewhere"),
    Index("ix_outages_agreement", "agreement", *_NEWEST_FIRST),
    Index("ix_outages_part_of", "part_of", postgresql_where=text("part_of IS NOT NULL")),
    Index("ix_outages_listing", *_NEWEST_FIRST),
    Index("ix_outages_status", "status", *_NEWEST_FIRST),
    Index("ix_outages_severity", "severity", *_NEWEST_FIRST),
    # With what violations are counted by.
    Index(
        *("ix_outages_violated", *_NEWEST_FIRST),
        postgresql_where=text(VIOLATED),
        postgresql_include=["status", "severity"],
    ),
    Index(
        *("ix_outages_assigned_to", "assigned_to"),
        *_NEWEST_FIRST,
        postgresql_where=text("assigned_to IS NOT NULL"),
    ),
    Index(
        *("ix_outages_violated_agreement", "agreement"),
        *_NEWEST_FIRST,
        postgresql_where=text(VIOLATED),
    ),
    Index(
        *("ix_outages_violated_assigned_to", "assigned_to"),
        *_NEWEST_FIRST,
        postgresql_where=text(f"{VIOLATED} AND assigned_to IS NOT NULL"),
    ),
    Index(
        *("ix_outages_violated_severity", "severity"),
        *_NEWEST_FIRST,
        postgresql_where=text(VIOLATED),
    ),
    # A site is looked for by its name or its id; by name outages are sorted as well.
    Index("ix_outages_site_name", "site_name", "id"),
    Index("ix_outages_site_name_newest", "site_name", *_NEWEST_FIRST),
    Index(
        *("ix_outages_site_id", "site_id"),
        *_NEWEST_FIRST,
        postgresql_where=text("site_id IS NOT NULL"),
    ),
    # These are sorted by in their own order.
    Index("ix_outages_severity_rank", text(f"({make_rank('severity', SEVERITY_ORDER)})"), "id"),
    Index("ix_outages_status_rank", text(f"({make_rank('status', STATUS_ORDER)})"), "id"),
    Index("ix_outages_changed_at", "changed_at"),
    Index("ix_outages_search", text(SEARCHED_TRIGRAMS), postgresql_using="gin"),
    Index(
        "ix_outages_unfinished",
        "id",
        postgresql_where=text("status NOT IN ('closed', 'cancelled', 'voided')"),
    ),
)

sla_results = Table(
    "sla_results",
    metadata,
    Column("outage_id", String(64), sa.ForeignKey("outages.id"), primary_key=True),
    Column("revision", sa.Integer, primary_key=True),
    Column("severity", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("payment_type", String(20), nullable=False),
    Column("rating", String(20), nullable=False),
    Column("mttr_minutes", sa.BigInteger, nullable=False),
    Column("mttr_basis", String(20), nullable=False),
    # By the clock, and how much what is owed differs from what those minutes would owe.
    Column("measured_minutes", sa.BigInteger),
    Column("difference_stroops", sa.BigInteger, nullable=False, server_default=text("0")),
    Column("threshold_minutes", sa.Integer, nullable=False),
    Column("amount_stroops", sa.BigInteger, nullable=False),
    Column("policy", String(100), nullable=False),
    Column("policy_version", sa.Integer, nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("judged_at", Instant, nullable=False),
    # The id of the payment that it owes once it is final.
    Column("payment_id", String(64), unique=True),
    sa.CheckConstraint("amount_stroops <> 0", name="amount"),
)

disputes = Table(
    "disputes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("outage_id", String(64), sa.ForeignKey("outages.id"), nullable=False),
    Column("revision", sa.Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("reason", sa.Text, nullable=False),
    Column("filed_by", String(200), nullable=False),
    # Of the claimant who filed it; NULL for a person of the operator.
    Column("party", String(64), sa.ForeignKey("parties.id")),
    Column("created_at", Instant, nullable=False),
    Column("decision_deadline", Instant, nullable=False),
    # Who reviews it, and since when.
    Column("reviewed_by", String(200)),
    Column("review_began_at", Instant),
    Column("decided_by", String(200)),
    Column("decided_at", Instant),
    Column("resolution_note", sa.Text),
    # The corrected time to repair that the decision gave, if it gave one.
    Column("decided_mttr_minutes", sa.BigInteger),
    # And the corrected severity.
    Column("decided_severity", String(20)),
    Index("ix_disputes_listing", text("created_at DESC"), text("id DESC")),
    Index("ix_disputes_status", "status", text("created_at DESC"), text("id DESC")),
    Index("ix_disputes_outage_id", "outage_id", text("created_at DESC"), text("id DESC")),
    Index(
        "uq_disputes_one_undecided",
        "outage_id",
        unique=True,
        postgresql_where=text("status IN ('open', 'under_review')"),
    ),
)
