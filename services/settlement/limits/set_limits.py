"""Show the limits that a settlement worker enforces from its start on."""

from dataclasses import asdict
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import limits
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.settlement.limits import Limits


async def set_limits(database: Database, allowed: Limits, at: datetime) -> None:
    """Keep the limits; only a change is written to the audit trail."""
    async with database.transaction() as connection:
        if not await limits.save(connection, allowed, at):
            return
        caps = {name: None if cap is None else str(cap) for name, cap in asdict(allowed).items()}
        by = make_engine_request("settlement-worker-start")
        await events.publish(
            connection,
            make_audit_entry("limits/settlement", "limits.set", by, at, caps, format_instant(at)),
        )
