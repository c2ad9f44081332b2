"""Calls of the SLA contract in the database: the bytes signed for each, the bids, and what became of them."""

from contextlib import suppress

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.tables import (
    contract_calls,
)
from domain.errors import IllegalTransition
from domain.sla.attestations import (
    Attestation,
    Call,
    CallOutcome,
    CallRecord,
    CallStatus,
    ContractResult,
    SignedCall,
)
from domain.sla.contract_parity import encode_config


async def list_calls(connection: AsyncConnection, attestation: Attestation) -> list[CallRecord]:
    rows = await connection.execute(
        select(contract_calls)
        .where(
            contract_calls.c.outage_id == attestation.outage_id,
            contract_calls.c.revision == attestation.revision,
        )
        .order_by(contract_calls.c.n.desc())
    )
    return [
        CallRecord(row["hash"], row["contract_id"], row["config_snapshot"], _to_outcome(row))
        for row in rows.mappings()
    ]


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


def _to_outcome(call: RowMapping) -> CallOutcome:
    """Return the recorded outcome of a call; without a contract result, `reason` says why."""
    status, ledger, result = CallStatus(call["status"]), call["ledger"], call["result"]
    if result is None:
        return CallOutcome(status, ledger, reason=call["reason"])
    # JSON numbers are too small for these, so that they are stored as text.
    integers = {name: int(result[name]) for name in ("amount", "config_version_hash")}
    return CallOutcome(status, ledger, ContractResult(**(result | integers)), bool(call["fresh"]))


async def reject(connection: AsyncConnection, call: CallRecord) -> None:
    """Record that the contract's answer to this call differs from the verdict."""
    await transitions.move(connection, transitions.CALLS, {"hash": call.hash}, CallStatus.REJECTED)
