"""
The first policies hold from the beginning of time, so that old outages can be judged.

`standard` keeps a verdict open to disputes for 24 hours, `sandbox` for 5 seconds.
"""

import json

import sqlalchemy as sa
from alembic import op

from domain.policies import BEGINNING_OF_TIME, Policy
from domain.sla import Severity, Terms

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DAY = 86_400
# Written out here, because what a migration did must not change with the code.
TERMS = {
    Severity.CRITICAL: Terms(15, 100, 750),
    Severity.HIGH: Terms(30, 50, 750),
    Severity.MEDIUM: Terms(60, 25, 750),
    Severity.LOW: Terms(120, 10, 600),
}


def upgrade() -> None:
    insert = sa.text(
        "INSERT INTO policies (name, version, effective_from, dispute_window_seconds,"
        " ruling_window_seconds, terms, terms_hash, digest) VALUES (:name, :version,"
        " '0001-01-01T00:00:00Z', :dispute_window_seconds, :ruling_window_seconds,"
        " CAST(:terms AS jsonb), :terms_hash, :digest)"
    )
    for name, window_seconds in (("standard", DAY), ("sandbox", 5)):
        policy = Policy(name, 1, BEGINNING_OF_TIME, window_seconds, 14 * DAY, TERMS)
        terms = {
            severity: {
                "threshold_minutes": entry.threshold_minutes,
                "penalty_per_minute": entry.penalty_per_minute,
                "reward_base": entry.reward_base,
            }
            for severity, entry in policy.terms.items()
        }
        op.get_bind().execute(
            insert,
            {
                "name": name,
                "version": 1,
                "dispute_window_seconds": window_seconds,
                "ruling_window_seconds": 14 * DAY,
                "terms": json.dumps(terms),
                "terms_hash": policy.terms_hash(),
                "digest": policy.digest(),
            },
        )


def downgrade() -> None:
    raise NotImplementedError("Migrations only go forward; restore a backup instead.")
