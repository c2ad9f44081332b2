"""Ask people about open episodes of which their source says nothing more."""

from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.sla.intake import episodes, sources
from domain.audit import make_engine_request
from domain.sla.intake.episode_rules import ask_silent
from services.sla.intake.receive_alerts import save_episodes_within

PAGE = 100


async def ask_silent_episodes(database: Database, at: datetime) -> int:
    """Return how many have an unknown end from now on; at most a page at a time."""
    async with database.transaction() as connection:
        known = await episodes.list_silent(connection, at, PAGE)
        found = [await sources.find(connection, each.source) for each in known]
        changed = [
            asked
            for episode, (source, _) in zip(known, found, strict=True)
            if source is not None and (asked := ask_silent(episode, source, at)) is not None
        ]
        for each in changed:
            request = make_engine_request(each.id)
            await save_episodes_within(connection, [each], request, at, {each.id})
    return len(changed)
