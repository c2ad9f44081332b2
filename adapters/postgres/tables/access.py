"""Who may call: people, sessions and API keys; what callers with idempotency keys were answered. Time is timestamptz in UTC."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, String, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables.metadata import Instant, make_one_of, metadata
from domain.access.permissions import Role
from domain.access.sessions import EndReason

people = Table(
    "people",
    metadata,
    Column("id", String(40), primary_key=True),
    # In the one spelling that domain/access/people.py gives it.
    Column("email", String(100), nullable=False, unique=True),
    Column("full_name", String(200)),
    Column("role", String(20), nullable=False),
    Column("disabled", sa.Boolean, nullable=False),
    Column("stellar_wallet", String(56)),
    # Whose they are.
    Column("party", String(64), sa.ForeignKey("parties.id")),
    Column("password_hash", sa.Text, nullable=False),
    Column("preferences", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("created_at", Instant, nullable=False),
    sa.CheckConstraint(make_one_of("role", Role), name="role"),
    sa.CheckConstraint("role <> 'claimant' OR party IS NOT NULL", name="party"),
)

# Browsers in which a person has logged in before: a guesser elsewhere does not keep them waiting.
devices = Table(
    "devices",
    metadata,
    Column("digest", sa.LargeBinary, primary_key=True),
    Column("person_id", String(40), sa.ForeignKey("people.id"), primary_key=True),
    Column("seen_at", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("person_id", String(40), sa.ForeignKey("people.id"), nullable=False),
    # The SHA-256 of what the cookie holds.
    Column("digest", sa.LargeBinary, nullable=False, unique=True),
    # With a token it gives the next one, and is of no use without.
    Column("refresh_salt", sa.LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("end_reason", String(30)),
    Column("address", String(60), nullable=False),
    Column("client", String(200), nullable=False),
    sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="end"),
    sa.CheckConstraint(make_one_of("end_reason", EndReason), name="end_reason"),
    Index("ix_sessions_person_id", "person_id"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", sa.LargeBinary, primary_key=True),
    Column("session_id", String(40), sa.ForeignKey("sessions.id"), nullable=False),
    Column("sequence", sa.Integer, nullable=False),
    Column("used_at", Instant),
    sa.UniqueConstraint("session_id", "sequence"),
    # One token of a session is unused, whatever happens at the same time.
    Index(
        "ix_refresh_tokens_unused",
        "session_id",
        unique=True,
        postgresql_where=text("used_at IS NULL"),
    ),
)

login_failures = Table(
    "login_failures",
    metadata,
    Column("counter", String(64), primary_key=True),
    Column("failures", sa.Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    Index("ix_login_failures_last_at", "last_at"),
    info={"rows_are_deleted": True},
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("public", sa.LargeBinary, nullable=False),
    # Encrypted with JWT_SECRET_KEY.
    Column("private", sa.LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("signs_from", Instant, nullable=False),
    Column("shown_until", Instant),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    # While a key is rotated, two have one name.
    Column("name", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    # NULL: all that the role may.
    Column("scopes", JSONB(none_as_null=True)),
    # Whose it is: then it acts in that person's name.
    Column("person_id", String(40), sa.ForeignKey("people.id")),
    # In whose name it comes; a person's key comes in the name of the person's.
    Column("party", String(64), sa.ForeignKey("parties.id")),
    Column("digest", sa.LargeBinary, nullable=False, unique=True),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    # The key that it was rotated to: while that one is good, it is not rotated again.
    Column("replaced_by", String(40), sa.ForeignKey("api_keys.id")),
    sa.CheckConstraint(make_one_of("role", Role), name="role"),
    sa.CheckConstraint(
        "role <> 'claimant' OR party IS NOT NULL OR person_id IS NOT NULL", name="party"
    ),
    sa.CheckConstraint("party IS NULL OR person_id IS NULL", name="one_party"),
    Index("ix_api_keys_name", "name"),
    Index("ix_api_keys_listing", text("created_at DESC"), text("id DESC")),
)

# What a request with an Idempotency-Key was answered, written in the transaction of what it did.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("principal", sa.Text, primary_key=True),
    # The key itself opens the answer, so that only its SHA-256 is kept.
    Column("key_digest", sa.LargeBinary, primary_key=True),
    Column("fingerprint", sa.LargeBinary, nullable=False),
    Column("state", String(20), nullable=False),
    # Who carries it out, and until when that one is believed to be alive.
    Column("holder", String(32), nullable=False),
    Column("claimed_until", Instant, nullable=False),
    Column("response_status", sa.SmallInteger),
    Column("headers", JSONB),
    # Encrypted: it may hold a secret that is shown once.
    Column("body", sa.LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    sa.CheckConstraint("state IN ('in_flight', 'completed')", name="state"),
    sa.CheckConstraint(
        "(state = 'completed') = (response_status IS NOT NULL AND headers IS NOT NULL AND body IS NOT NULL)",
        name="completed",
    ),
    Index("ix_idempotency_keys_expires_at", "expires_at"),
    info={"rows_are_deleted": True},
)
