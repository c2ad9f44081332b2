"""Judgements written many at once: verdicts, and the outages that they open to disputes, as one change."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from adapters.postgres.sla.bulk.outage_rows import list_types
from adapters.postgres.sla.judgements import ASSIGNED
from adapters.postgres.sla.outages import make_move
from adapters.postgres.tables import outages, sla_results
from adapters.postgres.transitions import Change
from domain.sla.outages import OutageStatus

_COLUMNS = [column.name for column in sla_results.columns]
_RESOLVED = (
    *("resolved_at", "dispute_deadline", "resolution_key", "root_cause", "resolution_notes"),
)
_JUDGE = f"""
    resolved AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:resolved AS jsonb)) AS r (outage_id text, {
    list_types(outages, _RESOLVED)
})
    ), added AS (
        INSERT INTO sla_results ({", ".join(_COLUMNS)})
        SELECT {", ".join(_COLUMNS)}
        FROM jsonb_to_recordset(CAST(:verdicts AS jsonb)) AS v ({list_types(sla_results, _COLUMNS)})
        ON CONFLICT DO NOTHING RETURNING outage_id, status
    ), changed AS ({
    make_move(
        OutageStatus.DISPUTABLE,
        ASSIGNED.format(verdict="added.status", resolved="resolved."),
        *("resolved", "added"),
        key="outages.id = resolved.outage_id AND outages.id = added.outage_id",
    )
})
"""


def make_judgements(
    verdicts: Sequence[Mapping[str, Any]], resolved: Sequence[Mapping[str, Any]]
) -> Change:
    """
    Return what records verdicts on different outages, and what those were resolved with. An outage whose verdict
    exists, or that may not be judged, is not among those that it returns: the caller has locked them, and takes all back.
    """
    return Change(
        _JUDGE,
        {
            "verdicts": orjson.dumps(list(verdicts)).decode(),
            "resolved": orjson.dumps(list(resolved)).decode(),
        },
    )
