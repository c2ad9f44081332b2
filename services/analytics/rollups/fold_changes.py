"""Fold what has changed into the sums that analytics are read from."""

from adapters.postgres.analytics import rollups
from adapters.postgres.database import Database
from domain.analytics.rollups import FOLDED_MAX, FoldResult


async def fold_changes(database: Database, many: int = FOLDED_MAX) -> FoldResult:
    """
    Fold the oldest changes, once each. It changes no figure that is shown, for those are read with what is
    not folded yet; so it is neither audited nor announced.
    """
    async with database.transaction() as connection:
        if not await rollups.has_changes(connection):
            return FoldResult(0, many)
        await rollups.lock(connection)
        return FoldResult(await rollups.fold(connection, many), many)
