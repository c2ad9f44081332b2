"""
Fold generated outages into the sums that analytics are read from: they were written past the triggers that note
them, and the figures of a database that was just filled would lack them.
"""

from adapters.postgres.database import Database
from devstack.generate.loading import Cursor
from services.analytics.rollups.fold_changes import fold_changes

# Among a million that were just written, a statement may take long.
PORTION = 2_500
_NOTE = """
    INSERT INTO analytics_changes (outage_id) SELECT id FROM outages o
    WHERE NOT EXISTS (SELECT FROM analytics_contributions c WHERE c.outage_id = o.id)
"""


def note_outages(cursor: Cursor) -> bool:
    """Note what was not folded yet; False where the database is of a build without such sums."""
    cursor.execute("SELECT to_regclass('analytics_contributions') IS NOT NULL")
    found = cursor.fetchone()
    if found is None or not found[0]:
        return False
    cursor.execute(_NOTE)
    return True


async def fold_all(url: str) -> None:
    database = Database(url, connections_max=1)
    try:
        while (await fold_changes(database, PORTION)).goes_on:
            pass
    finally:
        await database.close()
