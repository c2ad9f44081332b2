"""A judgement in the database: its verdict, and the outage that it opens to disputes, as one change."""

from collections.abc import Mapping
from typing import Any

from adapters.postgres.sla.outages import make_move
from adapters.postgres.tables import sla_results
from adapters.postgres.transitions import Change
from domain.sla.outages import OutageStatus

_COLUMNS = [column.name for column in sla_results.columns]
# What the resolver did not say stays as it is.
ASSIGNED = """, verdict_status = {verdict}, resolved_at = {resolved}resolved_at,
    dispute_deadline = {resolved}dispute_deadline, resolution_key = {resolved}resolution_key,
    root_cause = coalesce({resolved}root_cause, outages.root_cause),
    resolution_notes = coalesce({resolved}resolution_notes, outages.resolution_notes)"""
_JUDGE = f"""
    added AS (
        INSERT INTO sla_results ({", ".join(_COLUMNS)})
        VALUES ({", ".join(f":{name}" for name in _COLUMNS)})
        ON CONFLICT DO NOTHING RETURNING revision
    ), changed AS ({make_move(OutageStatus.DISPUTABLE, ASSIGNED.format(verdict=":status", resolved=":"), "added")})
"""


def make_judgement(verdict: Mapping[str, Any], resolved: Mapping[str, Any]) -> Change:
    """Return what records a verdict, and what its outage was resolved with; neither where this revision exists."""
    unsaid = dict.fromkeys(("root_cause", "resolution_notes"))
    return Change(_JUDGE, {**verdict, **unsaid, **resolved})
