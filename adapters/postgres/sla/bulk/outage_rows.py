"""Outages written many at once: one statement for all of them, whatever their number."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.verdicts import make_verdict_values
from adapters.postgres.tables import outages, sla_results
from adapters.postgres.transitions import Change
from domain.sla.agreements.bindings import Binding
from domain.sla.outages import Declaration, OutageStatus, Resolution
from domain.sla.policies import Policy
from domain.sla.verdicts import MttrBasis, Verdict

_DECLARED = (
    *("id", "status", "severity", "site_name", "site_id", "description", "affected_services"),
    *("affected_subscribers", "assigned_to", "location", "detected_at", "declared_at"),
    *("fingerprint", "correlation_id", "agreement", "agreement_version", "names_agreement"),
    *("part_of", "customer", "policy", "policy_version"),
)
_SETTLED = (*_DECLARED, "root_cause", "resolution_notes", "resolved_at", "closed_at")
_VERDICT = (
    *("outage_id", "revision", "severity", "status", "payment_type", "rating", "mttr_minutes"),
    *("mttr_basis", "measured_minutes", "difference_stroops", "threshold_minutes"),
    *("amount_stroops", "policy", "policy_version", "policy_digest", "judged_at"),
)


def list_types(table: Table, names: Iterable[str]) -> str:
    """Return columns of a table with their types, as SQL that reads them from JSON."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return ", ".join(f"{name} {table.c[name].type.compile(dialect)}" for name in names)


_RECORDING = f"""
    INSERT INTO outages ({", ".join(_DECLARED)})
    SELECT {", ".join(_DECLARED)}
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r ({list_types(outages, _DECLARED)})
    ON CONFLICT (id) DO NOTHING RETURNING id
"""
_ADD = text(_RECORDING)
_ADD_SETTLED = text(
    f"""
    WITH added AS (
        INSERT INTO outages ({", ".join(_SETTLED)}, settled_elsewhere)
        SELECT {", ".join(_SETTLED)}, true
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r ({list_types(outages, _SETTLED)})
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), judged AS (
        INSERT INTO sla_results ({", ".join(_VERDICT)})
        SELECT {", ".join(_VERDICT)}
        FROM jsonb_to_recordset(CAST(:verdicts AS jsonb)) AS r ({list_types(sla_results, _VERDICT)})
        WHERE outage_id IN (SELECT id FROM added)
    )
    SELECT id FROM added
    """
)


def make_outage_row(
    declaration: Declaration, bound: Binding, at: datetime, part_of: str | None = None
) -> dict[str, Any]:
    """Return the row of a declared outage, or of a part of one, as JSON."""
    outage, policy = declaration.outage, bound.policy
    return {
        "id": outage.id,
        "status": OutageStatus.DECLARED,
        "severity": outage.severity,
        "site_name": outage.site_name,
        "site_id": outage.site_id,
        "description": outage.description,
        "affected_services": outage.affected_services,
        "affected_subscribers": outage.affected_subscribers,
        "assigned_to": outage.assigned_to,
        "location": None if outage.location is None else asdict(outage.location),
        "detected_at": outage.detected_at,
        "declared_at": at,
        "fingerprint": declaration.fingerprint,
        "correlation_id": declaration.request.correlation_id,
        "agreement": bound.agreement,
        "agreement_version": bound.agreement_version,
        "names_agreement": outage.agreement is not None,
        "part_of": part_of,
        "customer": outage.customer,
        "policy": policy.name,
        "policy_version": policy.version,
    }


def make_settled_row(
    declaration: Declaration,
    bound: Binding,
    resolution: Resolution,
    settled_at: datetime | None,
    at: datetime,
) -> dict[str, Any]:
    """Return the row of an outage that was settled elsewhere: closed when it was settled, or when it ended."""
    resolved_at = resolution.get_times(declaration.outage)[0]
    return make_outage_row(declaration, bound, at) | {
        "status": OutageStatus.CLOSED,
        "root_cause": resolution.root_cause,
        "resolution_notes": resolution.resolution_notes,
        "resolved_at": resolved_at,
        "closed_at": settled_at or resolved_at,
    }


def make_verdict_row(
    declaration: Declaration,
    verdict: Verdict,
    basis: MttrBasis,
    policy: Policy,
    digest: str,
    at: datetime,
) -> dict[str, Any]:
    """Return the row of a verdict that owes nothing here. `digest` is that of the policy, computed once."""
    return make_verdict_values(verdict, basis, policy, digest) | {
        "outage_id": declaration.outage.id,
        "revision": 1,
        "severity": declaration.outage.severity,
        "judged_at": at,
    }


def make_recording(
    declaration: Declaration, bound: Binding, at: datetime, part_of: str | None = None
) -> Change:
    """Return what inserts a declared outage, or a part of one, unless its id exists."""
    row = make_outage_row(declaration, bound, at, part_of)
    return Change(f"changed AS ({_RECORDING})", {"rows": orjson.dumps([row]).decode()})


async def add_outages(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Insert declared outages and their parts; return the ids of those that were not there."""
    found = await connection.scalars(_ADD, {"rows": orjson.dumps(rows).decode()})
    return set(found)


async def add_settled(
    connection: AsyncConnection,
    rows: Sequence[dict[str, Any]],
    verdicts: Sequence[dict[str, Any]],
) -> set[str]:
    """Insert outages that were settled elsewhere, with their verdicts; return the ids of the new ones."""
    given = {"rows": orjson.dumps(rows).decode(), "verdicts": orjson.dumps(verdicts).decode()}
    return set(await connection.scalars(_ADD_SETTLED, given))
