"""Show the limits that a settlement worker enforces from its start on."""

from dataclasses import asdict
from datetime import datetime

from adapters.postgres import events, limits
from adapters.postgres.database import Database
from domain.audit import by_engine, leaf
from domain.digests import instant
from domain.limits import Limits


async def set_limits(database: Database, allowed: Limits, at: datetime) -> None:
    """Keep the limits; only a change is written to the audit trail."""
    async with database.transaction() as connection:
        if not await limits.keep(connection, allowed, at):
            return
        caps = {name: None if cap is None else str(cap) for name, cap in asdict(allowed).items()}
        by = by_engine("settlement-worker-start")
        await events.publish(
            connection, leaf("limits/settlement", "limits.set", by, at, caps, instant(at))
        )
