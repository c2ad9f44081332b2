"""
Attestations and the signed calls of the SLA contract in the database.

At most one call of an operator is open at a time: a unique index enforces it.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.sla.policies import to_policy
from adapters.postgres.sla.verdicts import to_verdict
from adapters.postgres.tables import (
    attestations,
    contract_calls,
    outages,
    policies,
    sla_results,
)
from domain.errors import IllegalTransition, NotFound
from domain.sla.attestations import (
    Attestation,
    AttestationStatus,
    Call,
    CallOutcome,
    CallStatus,
    ContractResult,
    SignedCall,
    make_symbol,
)
from domain.sla.contract_parity import encode_config
from domain.sla.policies import Policy
from domain.sla.verdicts import Severity, Verdict


async def require_attestation(
    connection: AsyncConnection, outage_id: str, revision: int, at: datetime
) -> None:
    """Require the contract's confirmation of a verdict; from now on it cannot be paid without it."""
    await connection.execute(
        insert(attestations)
        .values(
            outage_id=outage_id,
            revision=revision,
            symbol=make_symbol(outage_id, revision),
            status=AttestationStatus.PENDING,
            requested_at=at,
        )
        .on_conflict_do_nothing(index_elements=["outage_id", "revision"])
    )


async def is_required(connection: AsyncConnection, outage_id: str, revision: int) -> bool:
    return await _get_status(connection, outage_id, revision) is not None


async def is_lacking(connection: AsyncConnection, outage_id: str, revision: int) -> bool:
    """Tell whether a verdict needs the contract's confirmation and does not have it yet."""
    status = await _get_status(connection, outage_id, revision)
    return status is not None and status != AttestationStatus.ATTESTED


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
    call: RowMapping | None
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
    calls = await _list_calls(connection, attestation)
    return AttestationCase(
        row["symbol"],
        AttestationStatus(row["attestation_status"]),
        row["problem"],
        row["correlation_id"],
        Severity(row["severity"]),
        to_verdict(row),
        to_policy({name.removeprefix("of_"): value for name, value in row.items()}),
        calls[0] if calls else None,
        any(call["status"] in (CallStatus.REJECTED, CallStatus.LOST) for call in calls),
        len([*takewhile(lambda call: call["status"] == CallStatus.EXPIRED, calls)]),
    )


async def _list_calls(connection: AsyncConnection, attestation: Attestation) -> list[RowMapping]:
    rows = await connection.execute(
        select(contract_calls)
        .where(
            contract_calls.c.outage_id == attestation.outage_id,
            contract_calls.c.revision == attestation.revision,
        )
        .order_by(contract_calls.c.n.desc())
    )
    return list(rows.mappings())


async def find_open_call(connection: AsyncConnection, source: str) -> Call | None:
    """Return the operator's open call, of which nothing is proven yet; None if there is none."""
    rows = await connection.execute(
        select(contract_calls).where(
            contract_calls.c.source == source, contract_calls.c.status == CallStatus.OPEN
        )
    )
    row = rows.mappings().one_or_none()
    return None if row is None else to_call(row)


def to_call(row: RowMapping) -> Call:
    return Call(
        row["outage_id"],
        row["revision"],
        row["n"],
        row["source"],
        row["sequence"],
        row["max_ledger"],
        row["hash"],
        row["xdr"],
    )


async def store(
    connection: AsyncConnection, attestation: Attestation, signed: SignedCall
) -> Call | None:
    """
    Store a signed call before it is sent, and return it.

    None when another call is open, or has used this sequence: then these bytes are never sent.
    """
    n = select(func.coalesce(func.max(contract_calls.c.n), 0) + 1).where(
        contract_calls.c.outage_id == attestation.outage_id,
        contract_calls.c.revision == attestation.revision,
    )
    rows = await connection.execute(
        insert(contract_calls)
        .values(
            outage_id=attestation.outage_id,
            revision=attestation.revision,
            n=n.scalar_subquery(),
            status=CallStatus.OPEN,
            contract_id=signed.contract,
            source=signed.source,
            sequence=signed.sequence,
            hash=signed.hash,
            xdr=signed.envelope_xdr,
            max_ledger=signed.max_ledger,
            config_snapshot=encode_config(signed.config),
        )
        .on_conflict_do_nothing()
        .returning(contract_calls)
    )
    row = rows.mappings().one_or_none()
    return None if row is None else to_call(row)


async def store_bid(connection: AsyncConnection, call: Call, higher: Call) -> Call:
    """Store a higher bid for an open call before it is sent; return the bid that is stored."""
    of_call = contract_calls.c.hash == call.hash
    await connection.execute(
        update(contract_calls)
        .where(of_call, contract_calls.c.status == CallStatus.OPEN)
        .where(contract_calls.c.xdr == call.envelope_xdr)  # of two runs, one finds it changed
        .values(xdr=higher.envelope_xdr)
    )
    rows = await connection.execute(select(contract_calls).where(of_call))
    return to_call(rows.mappings().one())


async def get_call_status(connection: AsyncConnection, call: Call) -> CallStatus:
    found = await connection.execute(
        select(contract_calls.c.status).where(contract_calls.c.hash == call.hash)
    )
    return CallStatus(found.scalar_one())


async def record_outcome(connection: AsyncConnection, call: Call, outcome: CallOutcome) -> None:
    """Record what is proven of an open call; an outcome that was recorded before does not change."""
    with suppress(IllegalTransition):
        await transitions.move(
            connection,
            transitions.CALLS,
            {"hash": call.hash},
            outcome.status,
            ledger=outcome.ledger or None,
            result=outcome.contract_result.json() if outcome.contract_result else None,
            fresh=outcome.fresh if outcome.contract_result else None,
            reason=outcome.reason or None,
        )


def to_outcome(call: RowMapping) -> CallOutcome:
    """Return the recorded outcome of a call; without a contract result, `reason` says why."""
    status, ledger, result = CallStatus(call["status"]), call["ledger"], call["result"]
    if result is None:
        return CallOutcome(status, ledger, reason=call["reason"])
    # JSON numbers are too small for these, so that they are stored as text.
    integers = {name: int(result[name]) for name in ("amount", "config_version_hash")}
    return CallOutcome(status, ledger, ContractResult(**(result | integers)), bool(call["fresh"]))


async def reject(connection: AsyncConnection, call: RowMapping) -> None:
    """Record that the contract's answer to this call differs from the verdict."""
    await transitions.move(
        connection, transitions.CALLS, {"hash": call["hash"]}, CallStatus.REJECTED
    )


async def attest(
    connection: AsyncConnection, attestation: Attestation, call: RowMapping, at: datetime
) -> bool:
    """Record the contract's confirmation with its proof; False when it was recorded before."""
    return await transitions.move(
        connection,
        transitions.ATTESTATIONS,
        _make_key(attestation),
        AttestationStatus.ATTESTED,
        problem=None,
        contract_id=call["contract_id"],
        transaction_hash=call["hash"],
        ledger=call["ledger"],
        config_hash=int(call["result"]["config_version_hash"]),
        config_snapshot=call["config_snapshot"],
        result=call["result"],
        fresh=call["fresh"],
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
