"""Integrity checks of the journal, and the violations they found, in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.accounting import guards
from adapters.postgres.reading.counts import Total
from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_page
from adapters.postgres.tables import integrity_checks, violations
from domain.accounting.integrity_checks import (
    IntegrityCheckRecord,
    Violation,
    ViolationRecord,
    is_due,
)
from domain.accounting.invariants import Invariant

CHECKS_KEPT = timedelta(days=7)


async def lock(connection: AsyncConnection) -> None:
    """Take the lock that lets one integrity check run at a time; it is held until the commit."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('integrity-check'))"))


async def find_obstacle(connection: AsyncConnection, now: datetime) -> str | None:
    """Return why no integrity check may run now; None when one may."""
    known = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    if known != guards.REVISION:
        # Guards that another version created would look like guards that somebody changed.
        return f"the database is at migration {known}, and this worker knows {guards.REVISION}"
    last = await get_newest(connection)
    if last is not None and not is_due(last.at, timedelta(milliseconds=last.took_ms), now):
        return (
            f"the integrity check of {last.at:%H:%M:%S} took {last.took_ms} ms; the next one waits"
        )
    return None


async def save_violations(
    connection: AsyncConnection,
    found: Mapping[str, Violation],
    complete_kinds: set[tuple[Invariant, bool]],
    at: datetime,
) -> list[Violation]:
    """
    Save the violations that were found, by id; return those that were not open before.

    An open violation that is not found any more is resolved, unless its kind had more violations than
    a check names: `complete_kinds` are the others.
    """
    unresolved = select(violations.c.id).where(violations.c.resolved_at.is_(None))
    known = set((await connection.execute(unresolved)).scalars())
    new = [each for id_, each in found.items() if id_ not in known]
    await _upsert(connection, list(found.values()), at)
    await connection.execute(
        update(violations)
        .where(
            violations.c.resolved_at.is_(None),
            violations.c.last_seen_at < at,
            tuple_(violations.c.invariant, violations.c.overdue).in_(sorted(complete_kinds)),
        )
        .values(resolved_at=at)
    )
    return new


async def _upsert(connection: AsyncConnection, found: Sequence[Violation], at: datetime) -> None:
    if not found:
        return
    seen = insert(violations)
    await connection.execute(
        seen.on_conflict_do_update(
            index_elements=[violations.c.id],
            set_={
                "detail": seen.excluded.detail,
                "last_seen_at": seen.excluded.last_seen_at,
                "resolved_at": None,
                # An open violation keeps the time it was found; a resolved one starts again now.
                "found_at": case(
                    (violations.c.resolved_at.is_(None), violations.c.found_at),
                    else_=seen.excluded.found_at,
                ),
            },
        ),
        [
            {
                "id": each.id,
                "invariant": each.invariant,
                "overdue": each.overdue,
                "subject": each.subject,
                "detail": each.detail,
                "found_at": at,
                "last_seen_at": at,
            }
            for each in found
        ],
    )


async def save(
    connection: AsyncConnection, at: datetime, took: timedelta, broken: int, overdue: int
) -> None:
    """Save an integrity check with its counts, and delete those older than a week."""
    oldest = at - CHECKS_KEPT
    await connection.execute(delete(integrity_checks).where(integrity_checks.c.at < oldest))
    await connection.execute(
        insert(integrity_checks).values(
            at=at,
            took_ms=took // timedelta(milliseconds=1),
            broken=broken,
            overdue=overdue,
        )
    )


async def get_newest(connection: AsyncConnection) -> IntegrityCheckRecord | None:
    rows = await connection.execute(
        select(integrity_checks).order_by(integrity_checks.c.id.desc()).limit(1)
    )
    row = rows.one_or_none()
    if row is None:
        return None
    return IntegrityCheckRecord(row.at, row.took_ms, row.broken, row.overdue)


async def count_unresolved(connection: AsyncConnection) -> dict[str, int]:
    """Count the open violations of each invariant; every invariant has a count."""
    rows = await connection.execute(
        select(violations.c.invariant, func.count().label("found"))
        .where(violations.c.resolved_at.is_(None), ~violations.c.overdue)
        .group_by(violations.c.invariant)
    )
    return {str(each): 0 for each in Invariant} | {row.invariant: row.found for row in rows}


async def list_page(
    connection: AsyncConnection,
    *,
    invariant: str | None,
    overdue: bool | None,
    unresolved: bool | None,
    segment: ListSegment,
) -> tuple[list[ViolationRecord], Total]:
    """Return one page of violations, newest first, and how many there are in all."""
    wanted: list[ColumnElement[bool]] = []
    if invariant is not None:
        wanted.append(violations.c.invariant == invariant)
    if overdue is not None:
        wanted.append(violations.c.overdue.is_(overdue))
    if unresolved is not None:
        resolved_at = violations.c.resolved_at
        wanted.append(resolved_at.is_(None) if unresolved else resolved_at.is_not(None))
    columns = [violations.c[each.name] for each in fields(ViolationRecord)]
    newest = Keyset((violations.c.found_at, violations.c.id))
    rows, total = await read_page(
        connection, Listing(violations, newest, wanted, select(*columns)), segment
    )
    found = [ViolationRecord(**{**row, "invariant": Invariant(row["invariant"])}) for row in rows]
    return found, total
