"""Attempts to deliver, recorded many at a time, each once."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.transitions import DELIVERIES
from domain.deliveries import DeliveryAttempt, DeliveryStatus

_ADD = text(
    """
    INSERT INTO delivery_attempts (
        delivery_id, attempt, attempted_at, latency_ms, response_code, problem, excerpt
    )
    SELECT * FROM unnest(
        CAST(:ids AS text[]), CAST(:attempts AS int[]), CAST(:instants AS timestamptz[]),
        CAST(:latencies AS int[]), CAST(:codes AS int[]), CAST(:problems AS text[]),
        CAST(:excerpts AS text[])
    )
    ON CONFLICT DO NOTHING RETURNING delivery_id, attempt
    """
)
# One that has ended stays as it is. What failed stays due until a workflow has it, so that it is found should
# nobody start that; what a workflow has is not due. A failure is no reason not to try it when somebody has asked
# for that since it was posted: it stays due, now.
_WANTED_ANEW = "(deliveries.due_at, deliveries.earlier_attempts) IS DISTINCT FROM (a.due_at, a.earlier_attempts)"
_MOVE = """
    UPDATE deliveries SET {assignment}, attempts = greatest(deliveries.attempts, a.attempt),
        response_code = a.code, problem = a.problem, delivered_at = a.delivered_at,
        next_attempt_at = {next_attempt_at}, due_at = {due_at}, leased_until = {leased_until}
    FROM unnest(
        CAST(:ids AS text[]), CAST(:attempts AS int[]), CAST(:codes AS int[]),
        CAST(:problems AS text[]), CAST(:delivered AS timestamptz[]),
        CAST(:next AS timestamptz[]), CAST(:due AS timestamptz[]), CAST(:earlier AS int[])
    ) AS a (id, attempt, code, problem, delivered_at, next_attempt_at, due_at, earlier_attempts)
    WHERE deliveries.id = a.id AND {condition}
"""


def _make_move(to: DeliveryStatus) -> str:
    if to is DeliveryStatus.PENDING:
        kept = "CASE WHEN {} THEN deliveries.next_attempt_at ELSE a.next_attempt_at END"
        return _MOVE.format(
            assignment="status = deliveries.status",
            condition="deliveries.status = 'pending'",
            next_attempt_at=kept.format(_WANTED_ANEW),
            due_at="deliveries.due_at",
            leased_until="deliveries.leased_until",
        )
    condition = DELIVERIES.make_condition(to)
    if to is DeliveryStatus.FAILED:
        condition += f" AND NOT {_WANTED_ANEW}"
    return _MOVE.format(
        assignment=DELIVERIES.make_assignment(to),
        condition=condition,
        next_attempt_at="NULL",
        due_at="NULL",
        leased_until="NULL",
    )


_MOVES = {to: text(_make_move(to)) for to in DeliveryStatus}


async def add(
    connection: AsyncConnection, attempts: Sequence[DeliveryAttempt]
) -> list[DeliveryAttempt]:
    """Record attempts; return those that were not on record before."""
    rows = await connection.execute(
        _ADD,
        {
            "ids": [each.delivery_id for each in attempts],
            "attempts": [each.attempt for each in attempts],
            "instants": [each.at for each in attempts],
            "latencies": [each.latency_ms for each in attempts],
            "codes": [each.response_code for each in attempts],
            "problems": [each.problem or None for each in attempts],
            "excerpts": [each.excerpt or None for each in attempts],
        },
    )
    added = {(row.delivery_id, row.attempt) for row in rows}
    return [each for each in attempts if (each.delivery_id, each.attempt) in added]


async def move_deliveries(connection: AsyncConnection, attempts: Sequence[DeliveryAttempt]) -> None:
    """Let the deliveries become what these attempts have made of them."""
    for to in DeliveryStatus:
        # What failed for the last time counts its attempt even where somebody wants it tried anew.
        kinds = {to, DeliveryStatus.FAILED} if to is DeliveryStatus.PENDING else {to}
        if moved := [each for each in attempts if each.status in kinds]:
            await _move(connection, moved, to)


async def _move(
    connection: AsyncConnection, attempts: Sequence[DeliveryAttempt], to: DeliveryStatus
) -> None:
    await connection.execute(
        _MOVES[to],
        {
            "ids": [each.delivery_id for each in attempts],
            "attempts": [each.attempt for each in attempts],
            "codes": [each.response_code for each in attempts],
            "problems": [each.problem or None for each in attempts],
            "delivered": [each.at if each.delivered else None for each in attempts],
            "next": [each.next_attempt_at for each in attempts],
            "due": [each.due_at for each in attempts],
            "earlier": [each.earlier_attempts for each in attempts],
        },
    )
