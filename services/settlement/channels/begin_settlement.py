"""Begin to settle: record the channel accounts and the execution mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import channels
from adapters.postgres.sla import execution_modes
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.sla.execution_modes import ExecutionMode


@dataclass(frozen=True, slots=True)
class BeginSettlement:
    """`sequences` says how far the network has consumed the sequence of each channel account."""

    sequences: Mapping[str, int]
    mode: ExecutionMode
    at: datetime


async def begin_settlement(database: Database, command: BeginSettlement) -> None:
    """Store channels and mode; only a change of the mode is written to the audit trail."""
    mode, at = command.mode, command.at
    async with database.transaction() as connection:
        await channels.save(connection, dict(command.sequences))
        if not await execution_modes.save(connection, mode, at):
            return
        by, payload = (
            make_engine_request("settlement-worker-start"),
            {"contract_execution_mode": mode},
        )
        await events.publish(
            connection,
            make_audit_entry(
                "contract/settlement", "execution_mode.set", by, at, payload, format_instant(at)
            ),
        )
