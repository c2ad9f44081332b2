"""Look at every invariant of the journal, tell of what is new, and halt when one is broken."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events, webhooks
from adapters.postgres.accounting import integrity_checks, invariants
from adapters.postgres.database import Database
from domain.accounting.integrity_checks import (
    CheckIntegrityInput,
    CheckIntegrityResult,
    Violation,
    list_complete_kinds,
    merge_by_subject,
)
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.events import make_event
from services.settlement.halt.switch_halt import SwitchHalt, switch_halt_within

# Each that is new is told by itself; of more than so many of a kind, some wait until others are mended.
NAMED_MAX = 1000


@dataclass(frozen=True, slots=True)
class RunIntegrityCheck:
    """`overdue` is how long money may be on its way; `stops` lets a broken invariant halt settlement."""

    order: CheckIntegrityInput
    overdue: timedelta
    stops: bool


@dataclass(frozen=True, slots=True)
class IntegrityCheckOutcome:
    """What an integrity check came to, and what nobody knew before; or why there was none."""

    inspection: CheckIntegrityResult
    new: Sequence[Violation] = ()
    obstacle: str = ""


async def run_integrity_check(
    database: Database, command: RunIntegrityCheck
) -> IntegrityCheckOutcome:
    order = command.order
    async with database.transaction() as connection:
        await integrity_checks.lock(connection)
        obstacle = await integrity_checks.find_obstacle(connection, order.at)
        if obstacle is not None:
            return IntegrityCheckOutcome(CheckIntegrityResult(looked=False), obstacle=obstacle)
        began = time.monotonic()
        found = await invariants.check(connection, command.overdue, NAMED_MAX)
        took = timedelta(seconds=time.monotonic() - began)
        named = merge_by_subject(found)
        new = await integrity_checks.save_violations(
            connection, named, list_complete_kinds(found), order.at
        )
        await _publish_violations(connection, new, order)
        if command.stops:
            await _halt_settlement(connection, new, order)
        late = sum(each.overdue for each in named.values())
        await integrity_checks.save(connection, order.at, took, len(named) - late, late)
        untold = await webhooks.list_undispatched(connection)
    return IntegrityCheckOutcome(
        CheckIntegrityResult(True, len(named) - late, late, len(new), untold), new
    )


async def _publish_violations(
    connection: AsyncConnection, new: Sequence[Violation], order: CheckIntegrityInput
) -> None:
    by = make_engine_request("integrity-check")
    # It may be mended and found again, which is another event.
    at = format_instant(order.at)
    told = [
        (
            make_audit_entry(
                f"violation/{each.id}", each.event_type, by, order.at, each.payload(), at
            ),
            [make_event(each.event_type, None, order.at, each.payload(), each.id, at)],
        )
        for each in new
    ]
    if told:
        await events.publish_all(connection, told)


async def _halt_settlement(
    connection: AsyncConnection, new: Sequence[Violation], order: CheckIntegrityInput
) -> None:
    """On a book that is not right, nothing more is paid until somebody has looked."""
    broken = [each for each in new if not each.overdue]
    if broken:
        more = f", and {len(broken) - 1} more" if broken[1:] else ""
        reason = f"the book is not {broken[0].invariant}, see violation {broken[0].id}{more}"
        await switch_halt_within(
            connection, SwitchHalt.by_engine(reason, "integrity-check", order.at)
        )
