"""Begin to settle: record the channel accounts and the execution mode, and notice a restored database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events, installation
from adapters.postgres.database import Database
from adapters.postgres.recovery import restorations
from adapters.postgres.settlement import channels
from adapters.postgres.sla import execution_modes
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.sla.execution_modes import ExecutionMode


@dataclass(frozen=True, slots=True)
class BeginSettlement:
    """
    `sequences` says how far the network has consumed the sequence of each channel account. Bytes that
    were signed by now and are unknown here can be applied up to the ledger `last_of_lost`.
    """

    sequences: Mapping[str, int]
    mode: ExecutionMode
    at: datetime
    last_of_lost: int = 0


async def begin_settlement(database: Database, command: BeginSettlement) -> list[str]:
    """
    Store channels and mode; only a change of the mode is written to the audit trail.

    Return the channels that made transactions which this database does not know: it was restored, or
    copied. Nothing is signed then before the chain was read past the last ledger of lost bytes; the same at the first
    start after a restoration, since lost bytes that wait to be applied show in no sequence.
    """
    mode, at = command.mode, command.at
    async with database.transaction() as connection:
        behind = await installation.list_behind(connection, command.sequences)
        if await restorations.get_unclaimed(connection) is not None:
            await installation.require_reading(connection, command.last_of_lost)
        await channels.save(connection, dict(command.sequences))
        await channels.release_outrun(connection)
        if behind:
            await _report_behind(connection, command, behind)
        if not await execution_modes.save(connection, mode, at):
            return behind
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
    return behind


async def _report_behind(
    connection: AsyncConnection, command: BeginSettlement, behind: list[str]
) -> None:
    await installation.require_reading(connection, command.last_of_lost)
    by, at = make_engine_request("settlement-worker-start"), command.at
    payload = {"channels": behind, "read_past_ledger": command.last_of_lost}
    entry = make_audit_entry(
        "installation/settlement", "installation.behind_chain", by, at, payload, format_instant(at)
    )
    await events.publish(connection, entry)
