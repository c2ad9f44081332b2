"""Break resolutions in the database: what became of the money in suspense, once for each break."""

from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import transitions
from adapters.postgres.settlement import allocations as members
from adapters.postgres.settlement import attempts, envelopes, payments
from adapters.postgres.tables import allocations, break_resolutions
from adapters.postgres.tables import attempts as attempt_rows
from domain.access.scopes import EVERYTHING
from domain.accounting.break_resolutions import (
    BreakResolution,
    BreakResolutionOutcome,
    BreakResolutionRecord,
    get_resolved_stroops,
)
from domain.accounting.journal import Entry
from domain.accounting.reopenings import UnprovenAttempt
from domain.errors import Conflict
from domain.settlement.attempts import Attempt, AttemptStatus
from domain.settlement.batches import Batch
from domain.settlement.payments import PaymentStatus


async def get(connection: AsyncConnection, break_id: str) -> BreakResolutionRecord | None:
    rows = await connection.execute(
        select(break_resolutions).where(break_resolutions.c.break_id == break_id)
    )
    row = rows.mappings().one_or_none()
    if row is None:
        return None
    resolution = BreakResolution(
        row["break_id"],
        BreakResolutionOutcome(row["outcome"]),
        row["note"],
        row["resolved_by"],
        row["resolved_at"],
    )
    return BreakResolutionRecord(resolution, row["amount_stroops"], row["entry_id"])


async def save(connection: AsyncConnection, resolution: BreakResolution, entry: Entry) -> None:
    """Save a resolution with the entry that was posted for it; the caller has locked the break."""
    await connection.execute(
        insert(break_resolutions).values(
            break_id=resolution.break_id,
            outcome=resolution.outcome,
            amount_stroops=get_resolved_stroops(entry),
            entry_id=entry.id,
            note=resolution.note,
            resolved_by=resolution.resolved_by,
            resolved_at=resolution.at,
        )
    )


_ATTEMPT = text(
    """
    SELECT a.payment_id, a.n, p.transaction_hash
    FROM payments p JOIN allocations s ON s.payment_id = p.id AND s.live
    JOIN attempts a ON (a.payment_id, a.n) = (s.lead_payment_id, s.n)
    WHERE p.id = :payment_id AND p.status = 'confirmed' AND a.status = 'succeeded'
    FOR UPDATE OF p, a
    """
)
_BREAKS = text(
    """
    SELECT id FROM breaks
    WHERE kind = 'missing_on_chain' AND status = 'open' AND transaction_hash = :hash
    ORDER BY id FOR UPDATE
    """
)
_SEEN = text("SELECT ledger FROM chain_transfers WHERE transaction_hash = ANY(:hashes) LIMIT 1")


async def lock_unproven(connection: AsyncConnection, payment_id: str) -> UnprovenAttempt:
    """
    Lock a payment that counts as made, its attempt and the open breaks about it, and return them.

    Raises Conflict when nothing says that it was not made.
    """
    row = (await connection.execute(_ATTEMPT, {"payment_id": payment_id})).one_or_none()
    if row is None:
        found = await payments.get(connection, payment_id, EVERYTHING)
        raise Conflict(
            f"payment {payment_id} is {found.status}: only one that the engine confirmed by its own "
            "transaction can be reopened"
        )
    open_breaks = (await connection.scalars(_BREAKS, {"hash": row.transaction_hash})).all()
    if not open_breaks:
        raise Conflict(
            f"reconciliation does not miss transaction {row.transaction_hash} of payment {payment_id}: "
            "there is no open break of the kind missing_on_chain about it"
        )
    reserved = await attempts.get_attempt(connection, row.payment_id, row.n)
    assert reserved is not None, "it is locked"
    assert reserved.envelope is not None, "it succeeded by stored bytes"
    signed = reserved.envelope
    outer = await envelopes.list_outer_hashes(connection, row.payment_id, row.n)
    inner = await envelopes.list_inner_hashes(connection, row.payment_id, row.n)
    seen = await connection.scalar(_SEEN, {"hashes": [*outer, *inner]})
    if seen is not None:
        raise Conflict(
            f"reconciliation has read a transfer of payment {payment_id} in ledger {seen}"
        )
    attempt = Attempt(
        *(row.payment_id, row.n, reserved.channel, reserved.sequence, signed.max_ledger),
        *(signed.inner_hash, signed.xdr, True, signed.hash),
    )
    owed, _ = await members.get_members(connection, Batch(row.payment_id, row.n))
    return UnprovenAttempt(attempt, row.transaction_hash, owed, tuple(inner), tuple(open_breaks))


async def reopen(
    connection: AsyncConnection, found: UnprovenAttempt, proof: str, *, sequence_unused: bool
) -> None:
    """
    End the attempt as failed, and owe its payments again.

    The database refuses it for a payment whose settlement is not reversed in the journal.
    """
    attempt = found.attempt
    key = {"payment_id": attempt.payment_id, "n": attempt.n}
    await transitions.move(
        connection,
        transitions.ATTEMPTS,
        key,
        AttemptStatus.FAILED,
        {AttemptStatus.SUCCEEDED},
        reason=proof,
    )
    await connection.execute(
        update(attempt_rows)
        .where(attempt_rows.c.payment_id == attempt.payment_id, attempt_rows.c.n == attempt.n)
        .values(sequence_unused=sequence_unused)
    )
    await connection.execute(
        update(allocations)
        .where(allocations.c.lead_payment_id == attempt.payment_id, allocations.c.n == attempt.n)
        .values(live=False)
    )
    unpaid: dict[str, Any] = {"transaction_hash": None, "ledger": None, "confirmed_at": None}
    for payment_id in found.payments:
        await transitions.move(
            connection,
            transitions.PAYMENTS,
            {"id": payment_id},
            PaymentStatus.PENDING,
            {PaymentStatus.CONFIRMED},
            **unpaid,
        )
