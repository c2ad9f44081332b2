"""Put on record what came of bringing an outage in line with its episode."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.sla.intake import episodes
from domain.audit import make_engine_request
from domain.sla.intake.continuations import continue_episode
from domain.sla.intake.episodes import Episode, EpisodeReason, EpisodeStatus
from services.sla.intake.receive_alerts import save_episodes_within


@dataclass(frozen=True, slots=True)
class Concluded:
    """
    What came of it: nothing more to do; or another time, at `due_at`; or its outage is `reopened`; or it
    cannot be reopened and is continued by another episode; or the rules of outages refuse it.
    """

    due_at: datetime | None = None
    reopened: bool = False
    continued: bool = False
    refusal: str | None = None
    has_outage: bool = False


async def conclude_episode(
    database: Database, episode: Episode, concluded: Concluded, at: datetime
) -> None:
    """
    An episode that has changed meanwhile is due again in any case, and nothing else is written of it: what
    was asked for may have been carried out after somebody looked at the newer version.
    """
    async with database.transaction() as connection:
        known = await episodes.lock(connection, episode.id)
        if known.version != episode.version:
            await episodes.set_due(connection, episode.id, at)
        elif changed := _change(known, concluded):
            request = make_engine_request(episode.id)
            await save_episodes_within(connection, changed, request, at, {episode.id})
        else:
            await episodes.set_due(connection, episode.id, concluded.due_at)


def _change(episode: Episode, concluded: Concluded) -> Sequence[Episode]:
    if concluded.continued:
        first, next_ = continue_episode(episode)
        return [first] if next_ is None else [first, next_]
    if concluded.reopened:
        return [
            replace(
                episode,
                wants_reopening=False,
                reopenings=episode.reopenings + 1,
                version=episode.version + 1,
            )
        ]
    if concluded.refusal is None:
        return []
    code, reason = EpisodeReason.REFUSED, concluded.refusal
    if episode.status is EpisodeStatus.DISMISSED:
        return [replace(episode, reason_code=code, reason=reason, version=episode.version + 1)]
    if concluded.has_outage:
        return [episode.ask_end(code, reason)]
    return [episode.change(EpisodeStatus.QUARANTINED, reason_code=code, reason=reason)]
