"""Halt settlement, or let it go on: the circuit breaker."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import circuit_breakers
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.events import EventType, make_event
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class SwitchHalt:
    """`to_open` halts settlement: an open circuit breaker lets nothing new be signed or sent."""

    to_open: bool
    reason: str
    request: Request
    at: datetime

    @classmethod
    def by_engine(cls, reason: str, correlation_id: str, at: datetime) -> "SwitchHalt":
        """The engine itself halts settlement, and never lets it go on."""
        return cls(True, reason, make_engine_request(correlation_id), at)


async def switch_halt(database: Database, command: SwitchHalt) -> bool:
    """Switch the circuit breaker; return False when it stood so before."""
    async with database.transaction() as connection:
        return await switch_halt_within(connection, command)


async def switch_halt_within(connection: AsyncConnection, command: SwitchHalt) -> bool:
    """Switch the circuit breaker in the transaction that finds a reason, for it may be found only once."""
    by, at, reason = command.request, command.at, command.reason
    if not await circuit_breakers.switch(connection, by, at, reason, to_open=command.to_open):
        return False
    payload = {"reason": reason, "changed_by": by.actor, "changed_at": format_instant(at)}
    action, kind = "closed", EventType.CIRCUIT_BREAKER_CLOSED
    if command.to_open:
        action, kind = "opened", EventType.CIRCUIT_BREAKER_OPENED
    await events.publish(
        connection,
        make_audit_entry(
            "circuit_breaker/settlement",
            f"circuit_breaker.{action}",
            by,
            at,
            payload,
            format_instant(at),
        ),
        make_event(kind, None, at, payload, format_instant(at)),
    )
    return True
