"""Compare the journal with what was read of the chain; announce new breaks, and halt on those that money hangs on."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.accounting import breaks, reconciliation
from adapters.postgres.database import Database, allow_long_reads
from domain.accounting.breaks import Break
from domain.accounting.reconciliation import (
    Comparison,
    CursorRecord,
    ReconciliationRun,
    Suspect,
    classify_suspect,
)
from domain.audit import make_audit_entry, make_engine_request
from domain.events import EventType, make_event
from services.settlement.halt.switch_halt import SwitchHalt, switch_halt_within


@dataclass(frozen=True, slots=True)
class CompareChain:
    run: ReconciliationRun
    stops: bool  # lets money that nothing explains, or that no chain has moved, halt settlement


@dataclass(frozen=True, slots=True)
class CompareChainOutcome:
    """The result of a comparison, and the breaks that are new."""

    comparison: Comparison
    new: Sequence[Break] = ()


async def compare_chain(database: Database, command: CompareChain) -> CompareChainOutcome:
    run = command.run
    async with database.transaction() as connection:
        await allow_long_reads(connection)
        await breaks.lock(connection)
        reading = await reconciliation.get_cursor(connection)
        if reading is None:
            return CompareChainOutcome(Comparison(0, 0, 0, 0, 0))
        suspects = await reconciliation.list_suspects(connection, reading)
        judged = [classify_suspect(suspect, reading.ledger) for suspect in suspects]
        found = [each for each in judged if each is not None]
        found += [gap.as_break() for gap in await reconciliation.list_gaps(connection)]
        new = await breaks.save(connection, found, run.at)
        await _publish_breaks(connection, new, run)
        if command.stops:
            await _halt_settlement(connection, new, run)
        comparison = await _make_comparison(connection, reading, suspects, new)
        await reconciliation.save_run(connection, run.at, reading, comparison)
    return CompareChainOutcome(comparison, new)


async def _make_comparison(
    connection: AsyncConnection,
    reading: CursorRecord,
    suspects: Sequence[Suspect],
    new: Sequence[Break],
) -> Comparison:
    count, stroops = await reconciliation.sum_outflows(connection, reading)
    unexplained = [each.chain.transfer for each in suspects if each.chain is not None]
    return Comparison(
        reading.ledger,
        count - len(unexplained),
        stroops - sum(transfer.amount_stroops for transfer in unexplained),
        len(new),
        sum((await breaks.count_open_by_kind(connection)).values()),
    )


async def _publish_breaks(
    connection: AsyncConnection, new: Sequence[Break], run: ReconciliationRun
) -> None:
    by = make_engine_request("reconciliation")
    announcements = [
        (
            make_audit_entry(f"break/{each.id}", "break.found", by, run.at, each.payload()),
            [make_event(EventType.BREAK_FOUND, None, run.at, each.payload(), each.id)],
        )
        for each in new
    ]
    if announcements:
        await events.publish_all(connection, announcements)


async def _halt_settlement(
    connection: AsyncConnection, new: Sequence[Break], run: ReconciliationRun
) -> None:
    """
    Halt settlement on an unexplained outflow, or on a payment that no chain has, in the transaction that
    finds it, for it is new only once.
    """
    halting = sorted((each for each in new if each.halts), key=lambda each: not each.unexplained)
    if halting:
        more = f", and {len(halting) - 1} more" if halting[1:] else ""
        reason = f"{halting[0].kind} transfer, see break {halting[0].id}{more}"
        await switch_halt_within(connection, SwitchHalt.by_engine(reason, "reconciliation", run.at))
