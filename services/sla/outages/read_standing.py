"""Read how the outage of an episode stands, to be compared with the episode."""

from datetime import datetime

from adapters.postgres import audit
from adapters.postgres.database import Database
from adapters.postgres.sla import outages, verdicts
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry
from domain.errors import NotFound
from domain.sla.intake.alignments import OutageStanding
from domain.sla.intake.episodes import Episode


async def read_standing(
    database: Database, episode: Episode, at: datetime
) -> OutageStanding | None:
    """Return None where no outage of the episode is on record."""
    subject, key = f"outage/{episode.id}", episode.get_reopening_key()
    entry = make_audit_entry(subject, "outage.reopened", episode.get_request(), at, {}, key)
    try:
        async with database.autocommit() as connection:
            _, _, resolved_by = await verdicts.get_resolution(connection, episode.id)
            is_reopened = await audit.is_recorded(connection, entry.id)
            known = await outages.get(connection, episode.id, EVERYTHING)
    except NotFound:
        return None
    return OutageStanding(known.status, known.resolved_at, resolved_by, is_reopened)
