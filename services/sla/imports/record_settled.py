"""Put many outages on record that were settled elsewhere, with their verdicts: none has a workflow or an event."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.sla.bulk.outage_rows import (
    add_settled,
    make_settled_row,
    make_verdict_row,
)
from domain.audit import make_audit_entry
from domain.digests import compute_fingerprint
from domain.errors import TryAgain
from domain.requests import Request
from domain.sla.policies import Policy
from domain.sla.verdicts import MttrBasis, compute_difference
from services.sla.imports.plan_rows import PlannedRow


@dataclass(frozen=True, slots=True)
class RecordSettled:
    rows: Sequence[PlannedRow]
    import_id: str
    request: Request
    at: datetime


async def record_settled_within(connection: AsyncConnection, command: RecordSettled) -> None:
    """
    Record rows as they were planned. One audit entry stands for all: it has the digest of what was recorded.
    Raises TryAgain when one was recorded by somebody else meanwhile.
    """
    if not command.rows:
        return
    at = command.at
    rows, verdicts = await asyncio.to_thread(_make_all_rows, command)
    added = await add_settled(connection, rows, verdicts)
    if len(added) < len(rows):
        raise TryAgain("an outage of this file was recorded by somebody else just now")
    first, last = command.rows[0].source.number, command.rows[-1].source.number
    payload = {
        "import_id": command.import_id,
        "first_row": first,
        "last_row": last,
        "outages": len(rows),
        "digest": compute_fingerprint([each.compute_content() for each in command.rows]),
    }
    subject, action = f"import/{command.import_id}", "import.outages_recorded"
    entry = make_audit_entry(subject, action, command.request, at, payload, str(first))
    await events.publish(connection, entry)


def _make_all_rows(command: RecordSettled) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    digests = dict[tuple[str, int], str]()
    made = [_make_rows(each, digests, command.at) for each in command.rows]
    return [row for row, _ in made], [verdict for _, verdict in made]


def _make_rows(
    row: PlannedRow, digests: dict[tuple[str, int], str], at: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an outage and its verdict as they are stored; a policy is hashed once."""
    settled, (bound,) = row.settled, row.bindings
    assert settled is not None, "only of a backfill"
    policy, resolution = bound.policy, settled.resolution
    terms = policy.terms[settled.outage.severity]
    verdict = settled.judge(terms)
    is_stated = settled.status is not None or resolution.mttr_minutes is not None
    measured = resolution.measure(settled.outage, at) if resolution.resolved_at else None
    basis = MttrBasis(
        "stated" if is_stated else "measured",
        measured,
        compute_difference(terms, verdict, measured),
    )
    digest = _get_digest(policy, digests)
    return (
        make_settled_row(row.declaration, bound, resolution, settled.settled_at, at),
        make_verdict_row(row.declaration, verdict, basis, policy, digest, at),
    )


def _get_digest(policy: Policy, digests: dict[tuple[str, int], str]) -> str:
    key = (policy.name, policy.version)
    if key not in digests:
        digests[key] = policy.digest()
    return digests[key]
