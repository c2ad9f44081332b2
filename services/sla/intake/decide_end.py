"""Give the end of an episode that nobody told."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.sla.intake import episodes
from domain.requests import Request
from domain.sla.intake.episodes import Episode, end_episode
from services.sla.intake.receive_alerts import save_episodes_within


@dataclass(frozen=True, slots=True)
class DecideEnd:
    episode_id: str
    ended_at: datetime
    note: str | None
    request: Request
    at: datetime


async def decide_end(database: Database, command: DecideEnd) -> Episode:
    """Return the episode; its outage is resolved at that instant. Raises NotFound, Conflict, Invalid."""
    request, at = command.request, command.at
    async with database.transaction() as connection:
        known = await episodes.lock(connection, command.episode_id)
        changed = end_episode(known, command.ended_at, request.actor, at)
        if command.note:
            changed = changed.add_note(command.note)
        await save_episodes_within(connection, [changed], request, at, {known.id})
    return changed
