"""
Attestations and the signed calls of the SLA contract in the database.

At most one call of an operator is open at a time: a unique index enforces it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.sla.contract_calls import list_calls
from adapters.postgres.sla.policies import to_policy
from adapters.postgres.sla.verdicts import to_verdict
from adapters.postgres.tables import (
    attestations,
    outages,
    policies,
    sla_results,
)
from domain.errors import NotFound
from domain.sla.attestations import (
    Attestation,
    AttestationStatus,
    CallRecord,
    CallStatus,
    make_symbol,
)
from domain.sla.policies import Policy
from domain.sla.verdicts import Severity, Verdict


async def require_attestations(
    connection: AsyncConnection, judged: Sequence[tuple[str, int]], at: datetime
) -> None:
    """Require the contract's confirmation of verdicts; from now on they cannot be paid without it."""
    await connection.execute(
        insert(attestations)
        .values(
            [
                {
                    "outage_id": outage_id,
                    "revision": revision,
                    "symbol": make_symbol(outage_id, revision),
                    "status": AttestationStatus.PENDING,
                    "requested_at": at,
                }
                for outage_id, revision in judged
            ]
        )
        .on_conflict_do_nothing(index_elements=["outage_id", "revision"])
    )


async def is_required(connection: AsyncConnection, outage_id: str, revision: int) -> bool:
    return await _get_status(connection, outage_id, revision) is not None


async def find_problem(connection: AsyncConnection, outage_id: str, revision: int) -> str:
    """Return why the contract does not confirm a verdict, while a person has to act; empty otherwise."""
    wanted = select(attestations.c.problem).filter_by(
        outage_id=outage_id, revision=revision, status=AttestationStatus.HALTED
    )
    return await connection.scalar(wanted) or ""


async def _get_status(connection: AsyncConnection, outage_id: str, revision: int) -> str | None:
    found: str | None = await connection.scalar(
        select(attestations.c.status).where(
            attestations.c.outage_id == outage_id, attestations.c.revision == revision
        )
    )
    return found


@dataclass(frozen=True, slots=True)
class AttestationCase:
    """All that an activity needs to know of one attestation, whose row it has locked."""

    symbol: str
    status: AttestationStatus
    problem: str | None
    correlation_id: str
    severity: Severity
    verdict: Verdict
    policy: Policy
    # The newest call made for it, if there was one.
    call: CallRecord | None
    # Whether the contract may have stored the result of an earlier call of ours.
    remembered: bool
    times_expired: int  # how many calls in a row expired, up to the newest


async def lock(connection: AsyncConnection, attestation: Attestation) -> AttestationCase:
    """Lock an attestation's row until the transaction ends, and return its case. Raises NotFound."""
    rows = await connection.execute(
        select(attestations.c.symbol, attestations.c.status.label("attestation_status"))
        .add_columns(attestations.c.problem, outages.c.correlation_id, sla_results)
        .add_columns(*(column.label(f"of_{column.name}") for column in policies.c))
        .join(outages, outages.c.id == attestations.c.outage_id)
        .join(
            sla_results,
            (sla_results.c.outage_id == attestations.c.outage_id)
            & (sla_results.c.revision == attestations.c.revision),
        )
        .join(
            policies,
            (policies.c.name == sla_results.c.policy)
            & (policies.c.version == sla_results.c.policy_version),
        )
        .where(
            attestations.c.outage_id == attestation.outage_id,
            attestations.c.revision == attestation.revision,
        )
        .with_for_update(of=attestations)
    )
    row = rows.mappings().one_or_none()
    if row is None:
        name = f"revision {attestation.revision} of outage {attestation.outage_id!r}"
        raise NotFound(f"{name} does not need an attestation")
    calls = await list_calls(connection, attestation)
    return AttestationCase(
        row["symbol"],
        AttestationStatus(row["attestation_status"]),
        row["problem"],
        row["correlation_id"],
        Severity(row["severity"]),
        to_verdict(row),
        to_policy({name.removeprefix("of_"): value for name, value in row.items()}),
        calls[0] if calls else None,
        any(call.outcome.status in (CallStatus.REJECTED, CallStatus.LOST) for call in calls),
        len([*takewhile(lambda call: call.outcome.status == CallStatus.EXPIRED, calls)]),
    )


async def attest(
    connection: AsyncConnection, attestation: Attestation, call: CallRecord, at: datetime
) -> bool:
    """Record the contract's confirmation with its proof; False when it was recorded before."""
    outcome = call.outcome
    assert outcome.contract_result is not None, "there is nothing to attest without one"
    return await transitions.move(
        connection,
        transitions.ATTESTATIONS,
        _make_key(attestation),
        AttestationStatus.ATTESTED,
        problem=None,
        contract_id=call.contract_id,
        transaction_hash=call.hash,
        ledger=outcome.ledger,
        config_hash=outcome.contract_result.config_version_hash,
        config_snapshot=call.config_snapshot,
        result=outcome.contract_result.json(),
        fresh=outcome.fresh,
        attested_at=at,
    )


async def halt(connection: AsyncConnection, attestation: Attestation, problem: str) -> None:
    """Halt an attestation, with the reason why its verdict cannot be paid; a later reason replaces it."""
    to = AttestationStatus.HALTED
    await transitions.move(
        connection,
        transitions.ATTESTATIONS,
        _make_key(attestation),
        to,
        again=True,
        problem=problem,
    )


def _make_key(attestation: Attestation) -> dict[str, Any]:
    return {"outage_id": attestation.outage_id, "revision": attestation.revision}
