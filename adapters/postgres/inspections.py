"""Inspections of the book and their findings, in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, RowMapping, case, delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import findings, guards, inspections
from domain.inspections import Finding, due
from domain.invariants import Invariant

INSPECTIONS_KEPT = timedelta(days=7)


async def lock(connection: AsyncConnection) -> None:
    """One inspection at a time; held until the transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('inspection'))"))


async def obstacle(connection: AsyncConnection, now: datetime) -> str | None:
    """Say why the book is not to be inspected now; None when it is."""
    known = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    if known != guards.REVISION:
        # What another version made looks to this one like a guard that was tampered with.
        return f"the database is at migration {known}, and this worker knows {guards.REVISION}"
    last = await newest(connection)
    if last is not None and not due(last["at"], timedelta(milliseconds=last["took_ms"]), now):
        return f"the inspection of {last['at']:%H:%M:%S} took {last['took_ms']} ms; the book rests"
    return None


async def keep_findings(
    connection: AsyncConnection,
    found: Mapping[str, Finding],
    told_in_full: set[tuple[Invariant, bool]],
    at: datetime,
) -> list[Finding]:
    """
    Write down what was found, by id; return what did not stand before. What is not found any more is
    mended, unless it may be among those of its kind that were too many to name.
    """
    standing = select(findings.c.id).where(findings.c.mended_at.is_(None))
    known = set((await connection.execute(standing)).scalars())
    new = [each for id_, each in found.items() if id_ not in known]
    await _write(connection, list(found.values()), at)
    await connection.execute(
        update(findings)
        .where(
            findings.c.mended_at.is_(None),
            findings.c.last_seen_at < at,
            tuple_(findings.c.invariant, findings.c.overdue).in_(sorted(told_in_full)),
        )
        .values(mended_at=at)
    )
    return new


async def _write(connection: AsyncConnection, found: Sequence[Finding], at: datetime) -> None:
    if not found:
        return
    seen = insert(findings)
    await connection.execute(
        seen.on_conflict_do_update(
            index_elements=[findings.c.id],
            set_={
                "detail": seen.excluded.detail,
                "last_seen_at": seen.excluded.last_seen_at,
                "mended_at": None,
                # It stands since it was found, or again since now.
                "found_at": case(
                    (findings.c.mended_at.is_(None), findings.c.found_at),
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


async def keep(
    connection: AsyncConnection, at: datetime, took: timedelta, broken: int, overdue: int
) -> None:
    """Write down that the book was inspected, and what it came to."""
    kept_since = at - INSPECTIONS_KEPT
    await connection.execute(delete(inspections).where(inspections.c.at < kept_since))
    await connection.execute(
        insert(inspections).values(
            at=at,
            took_ms=took // timedelta(milliseconds=1),
            broken=broken,
            overdue=overdue,
        )
    )


async def newest(connection: AsyncConnection) -> RowMapping | None:
    rows = await connection.execute(select(inspections).order_by(inspections.c.id.desc()).limit(1))
    return rows.mappings().one_or_none()


async def standing_by_promise(connection: AsyncConnection) -> dict[str, int]:
    """Count what breaks each promise now; every promise is named."""
    rows = await connection.execute(
        select(findings.c.invariant, func.count().label("found"))
        .where(findings.c.mended_at.is_(None), ~findings.c.overdue)
        .group_by(findings.c.invariant)
    )
    return {str(each): 0 for each in Invariant} | {row.invariant: row.found for row in rows}


async def page(
    connection: AsyncConnection,
    *,
    invariant: str | None,
    overdue: bool | None,
    standing: bool | None,
    offset: int,
    limit: int,
) -> tuple[list[RowMapping], int]:
    """Return one page of findings, newest first, and how many there are in all."""
    wanted: list[ColumnElement[bool]] = []
    if invariant is not None:
        wanted.append(findings.c.invariant == invariant)
    if overdue is not None:
        wanted.append(findings.c.overdue.is_(overdue))
    if standing is not None:
        mended = findings.c.mended_at
        wanted.append(mended.is_(None) if standing else mended.is_not(None))
    rows = await connection.execute(
        select(findings)
        .where(*wanted)
        .order_by(findings.c.found_at.desc(), findings.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    total = await connection.execute(select(func.count()).select_from(findings).where(*wanted))
    return list(rows.mappings()), total.scalar_one()
