"""
The execution mode in the database: whether verdicts need the SLA contract's confirmation.

The settlement worker that started last sets it, and whoever judges reads it here. So two workers with
different settings never pay a verdict that the contract was not asked about.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import execution_modes
from domain.sla.execution_modes import ExecutionMode

NAME = "settlement"


async def save(connection: AsyncConnection, mode: ExecutionMode, at: datetime) -> bool:
    """Save the execution mode of verdicts from now on; False when it was the same before."""
    statement = insert(execution_modes).values(name=NAME, contract_execution_mode=mode, set_at=at)
    changed = await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"contract_execution_mode": mode, "set_at": at},
            where=execution_modes.c.contract_execution_mode != mode,
        ).returning(execution_modes.c.name)
    )
    return changed.one_or_none() is not None


async def requires_attestation(connection: AsyncConnection) -> bool:
    """Tell whether a verdict made now needs the contract's confirmation."""
    mode = await connection.scalar(
        select(execution_modes.c.contract_execution_mode).where(execution_modes.c.name == NAME)
    )
    return mode == ExecutionMode.SOROBAN
