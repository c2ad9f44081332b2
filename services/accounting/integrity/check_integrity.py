"""Check every invariant of the journal, and record nothing."""

from datetime import timedelta

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from domain.accounting.integrity_checks import Violation


async def check_integrity(database: Database, overdue: timedelta) -> list[Violation]:
    """Return what breaks an invariant, and what is owed or reserved for longer than `overdue`."""
    async with database.transaction() as connection:
        return await invariants.check(connection, overdue)
