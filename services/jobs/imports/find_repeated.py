"""Compare the rows of a portion with those of the same file that were checked before it."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.postgres.database import Database
from adapters.postgres.sla.bulk import checked_rows
from services.sla.imports.plan_rows import PlannedRow


@dataclass(frozen=True, slots=True)
class CheckedPortion:
    """Rows that are in the file a second time: alike, or contradicting the first."""

    repeated: Sequence[PlannedRow]
    contradicting: Sequence[PlannedRow]


async def find_repeated(
    database: Database, job_id: str, rows: Sequence[PlannedRow]
) -> CheckedPortion:
    """Compare rows with those of the same file that were checked before."""
    async with database.autocommit() as connection:
        known = await checked_rows.find(
            connection, job_id, [each.declaration.outage.id for each in rows]
        )
    repeated, contradicting = list[PlannedRow](), list[PlannedRow]()
    for row in rows:
        content = known.get(row.declaration.outage.id)
        if content == row.compute_content():
            repeated.append(row)
        elif content is not None:
            contradicting.append(row)
    return CheckedPortion(repeated, contradicting)
