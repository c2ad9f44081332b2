"""/payments/circuit-breaker: stop everything new, and let it go on."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from adapters.postgres.settlement import circuit_breakers
from api import commands
from api.access.permissions import require
from api.bodies import Body
from api.dependencies import Asked, Database, Engine, Running
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.errors import Conflict
from domain.settlement.circuit_breakers import REASON_MAX, check_reason
from services.settlement.halt.switch_halt import SwitchHalt, switch_halt

log = logging.getLogger(__name__)
SIGNALLED_AT_ONCE_MAX = 200
router = APIRouter(prefix="/payments/circuit-breaker", tags=["payments"])


class CircuitBreakerBody(Body):
    action: Literal["open", "close"]
    reason: str = Field(min_length=1, max_length=REASON_MAX)


class CircuitBreakerView(BaseModel):
    """While it is open nothing new is signed or sent; what was sent is still observed."""

    is_open: bool
    reason: str
    changed_by: str
    changed_at: datetime


@router.get("", dependencies=[require(Permission.PAYMENTS_READ)])
async def get_circuit_breaker(database: Database) -> CircuitBreakerView:
    """Show whether the circuit breaker is open, since when, by whom and why."""
    async with database.autocommit() as connection:
        found = await circuit_breakers.get_state(connection)
    return CircuitBreakerView(
        is_open=found.is_open,
        reason=found.reason,
        changed_by=found.changed_by,
        changed_at=found.changed_at,
    )


@router.post(
    "", dependencies=[require(Permission.SETTLEMENT_HALT)], responses=declare_problems(409)
)
async def switch_circuit_breaker(
    body: CircuitBreakerBody, engine: Running, asked: Asked
) -> CircuitBreakerView:
    """
    Open or close the circuit breaker. Every settlement worker obeys within a second; what was held goes
    on at once when it is closed, and within a minute if there is very much of it.
    """
    check_reason(body.reason)
    to_open = body.action == "open"
    wanted = SwitchHalt(to_open, body.reason, asked, datetime.now(UTC))
    if not await switch_halt(engine.database, wanted):
        raise Conflict(f"the circuit breaker is {'open' if to_open else 'closed'} already")
    if to_open:
        # Who did it, and the reason they gave, stand in the audit trail.
        log.error("the circuit breaker was opened by a request: no new payment is settled")
    if not to_open:
        await _signal_on_hold(engine)
    return await get_circuit_breaker(engine.database)


async def _signal_on_hold(engine: Engine) -> None:
    """The others look again by themselves."""
    async with engine.database.autocommit() as connection:
        waiting = await circuit_breakers.list_on_hold(connection, SIGNALLED_AT_ONCE_MAX)
    await asyncio.gather(*(commands.retry_payment(engine, payment_id) for payment_id in waiting))
