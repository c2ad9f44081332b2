"""Say that an episode was no outage; an outage that was declared for it is cancelled."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.sla.intake import episodes
from domain.requests import Request
from domain.sla.intake import episodes as rules
from domain.sla.intake.episodes import Episode
from services.sla.intake.receive_alerts import save_episodes_within


@dataclass(frozen=True, slots=True)
class DismissEpisode:
    episode_id: str
    reason: str
    request: Request
    at: datetime


async def dismiss_episode(database: Database, command: DismissEpisode) -> Episode:
    request, at = command.request, command.at
    async with database.transaction() as connection:
        known = await episodes.lock(connection, command.episode_id)
        changed = rules.dismiss_episode(known, command.reason, request.actor)
        await save_episodes_within(connection, [changed], request, at, {known.id})
    return changed
