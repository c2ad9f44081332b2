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
        found = await episodes.get(connection, command.episode_id)
        # What the source says of the alert meanwhile waits.
        source = await sources.lock(connection, found.source)
        known = await episodes.lock(connection, found.id)
        target = source.mapping.find_target(known.labels)
        changed = rules.release_episode(
            known, command.began_at, command.ended_at, target, request.actor, at
        )
        if known.fingerprint:
            others = await episodes.list_by_alert(connection, source.name, known.fingerprint)
            rules.check_overlap(changed, others)
        await save_episodes_within(connection, [changed], request, at, {known.id})
    return changed
