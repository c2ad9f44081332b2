"""Let an episode out of quarantine, by the mapping as it is now, with the times that a person knows."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.sla.intake import episodes, sources
from domain.requests import Request
from domain.sla.intake import episodes as rules
from domain.sla.intake.episodes import Episode
from services.sla.intake.receive_alerts import save_episodes_within


@dataclass(frozen=True, slots=True)
class ReleaseEpisode:
    episode_id: str
    began_at: datetime | None
    ended_at: datetime | None
    request: Request
    at: datetime


async def release_episode(database: Database, command: ReleaseEpisode) -> Episode:
    """Raises NotFound, Conflict, and Invalid with what is still wrong."""
    request, at = command.request, command.at
    async with database.transaction() as connection:
        known = await episodes.lock(connection, command.episode_id)
        source, _ = await sources.find(connection, known.source)
        assert source is not None, "a foreign key keeps it"
        target = source.mapping.find_target(known.labels)
        changed = rules.release_episode(
            known, command.began_at, command.ended_at, target, request.actor, at
        )
        await save_episodes_within(connection, [changed], request, at, {known.id})
    return changed
