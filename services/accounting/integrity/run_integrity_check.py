"""Check every invariant of the journal, announce new violations, and halt when one is broken."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
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

# Each new violation is announced by itself; of more than so many of a kind, some wait until others are resolved.
NAMED_MAX = 1000


@dataclass(frozen=True, slots=True)
class RunIntegrityCheck:
    """`overdue` is how long money may be on its way; `stops` lets a broken invariant halt settlement."""

    order: CheckIntegrityInput
    overdue: timedelta
    stops: bool


@dataclass(frozen=True, slots=True)
class IntegrityCheckOutcome:
    """The result of an integrity check and its new violations; or the obstacle, when there was none."""

    result: CheckIntegrityResult
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
    return IntegrityCheckOutcome(CheckIntegrityResult(True, len(named) - late, late, len(new)), new)


async def _publish_violations(
    connection: AsyncConnection, new: Sequence[Violation], order: CheckIntegrityInput
) -> None:
    by = make_engine_request("integrity-check")
    # It may be resolved and found again, which is another event.
    at = format_instant(order.at)
    announcements = [
        (
            make_audit_entry(
                f"violation/{each.id}", each.event_type, by, order.at, each.payload(), at
            ),
            [make_event(each.event_type, None, order.at, each.payload(), each.id, at)],
        )
        for each in new
    ]
    if announcements:
        await events.publish_all(connection, announcements)


async def _halt_settlement(
    connection: AsyncConnection, new: Sequence[Violation], order: CheckIntegrityInput
) -> None:
    """Halt settlement on a broken invariant, until a person has looked."""
    broken = [each for each in new if not each.overdue]
    if broken:
        more = f", and {len(broken) - 1} more" if broken[1:] else ""
        reason = f"invariant {broken[0].invariant} is broken, see violation {broken[0].id}{more}"
        await switch_halt_within(
            connection, SwitchHalt.by_engine(reason, "integrity-check", order.at)
        )
