"""/intake/episodes: what became of alerts, and what people say of those that ask them."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from adapters.postgres.sla.intake import episodes
from api.access.permissions import require
from api.bodies import Body, Instant, Text
from api.dependencies import Asked, CursorPaging, Database
from api.protocol.next_cursors import GOES_ON, set_next_cursor
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.sla.intake.episodes import NOTE_MAX, Episode, EpisodeReason, EpisodeStatus
from domain.sla.verdicts import Severity
from services.sla.intake.decide_end import DecideEnd, decide_end
from services.sla.intake.dismiss_episode import DismissEpisode
from services.sla.intake.dismiss_episode import dismiss_episode as dismiss
from services.sla.intake.release_episode import ReleaseEpisode
from services.sla.intake.release_episode import release_episode as release

router = APIRouter(prefix="/intake/episodes", tags=["intake"])
READ = [require(Permission.OUTAGES_READ)]
DECIDE = [require(Permission.OUTAGES_RESOLVE)]
EpisodeId = Annotated[Text, Path(max_length=64)]


class EndBody(Body):
    """When the service was back, as you know it from elsewhere."""

    ended_at: Instant
    note: str | None = Field(None, max_length=NOTE_MAX)


class EpisodeDismissalBody(Body):
    reason: str = Field(min_length=1, max_length=NOTE_MAX)


class ReleaseBody(Body):
    """Its true times, where those in quarantine are not; and what the mapping now makes of its labels."""

    began_at: Instant | None = None
    ended_at: Instant | None = None


class AlertTargetView(BaseModel):
    site: str
    service: str | None
    severity: Severity
    agreement: str | None


class EpisodeView(BaseModel):
    """
    Its outage has the same id. While its end is unknown that outage is not resolved; the end lies after
    `ended_after` and before `ended_before`, where these are known.
    """

    id: str
    source: str
    fingerprint: str
    status: EpisodeStatus
    reason_code: EpisodeReason | None
    reason: str | None
    began_at: datetime | None
    ended_at: datetime | None
    ended_after: datetime | None
    ended_before: datetime | None
    labels: dict[str, str]
    summary: str
    group: str | None
    target: AlertTargetView | None
    message_id: str
    first_heard_at: datetime
    last_heard_at: datetime
    continues: str | None
    decided_by: str | None
    note: str | None
    tzdata: str | None

    @classmethod
    def of(cls, episode: Episode) -> "EpisodeView":
        known = asdict(episode)
        return cls(**{name: known[name] for name in cls.model_fields})


@router.get("", dependencies=READ, responses=GOES_ON)
async def list_episodes(
    database: Database,
    paging: CursorPaging,
    response: Response,
    status: EpisodeStatus | None = None,
    source: Annotated[Text | None, Query(max_length=64)] = None,
) -> list[EpisodeView]:
    """List episodes, the newest first. Those that are end_unknown or quarantined wait for a person."""
    statuses = [] if status is None else [status]
    async with database.autocommit() as connection:
        found = await episodes.list_newest(
            connection, statuses, source, paging.find_segment("episodes")
        )
    set_next_cursor(response, paging.make_cursor("episodes", found, "first_heard_at", "id"))
    return [EpisodeView.of(each) for each in found]


@router.get("/{episode_id}", dependencies=READ, responses=declare_problems(404))
async def get_episode(episode_id: EpisodeId, database: Database) -> EpisodeView:
    """Show one episode; its outage has the same id."""
    async with database.autocommit() as connection:
        return EpisodeView.of(await episodes.get(connection, episode_id))


@router.post("/{episode_id}/end", dependencies=DECIDE, responses=declare_problems(404, 409))
async def end_episode(
    episode_id: EpisodeId, body: EndBody, database: Database, asked: Asked
) -> EpisodeView:
    """Give the end that nobody told; the outage is resolved at that instant, in your name."""
    wanted = DecideEnd(episode_id, body.ended_at, body.note, asked, datetime.now(UTC))
    return EpisodeView.of(await decide_end(database, wanted))


@router.post("/{episode_id}/dismiss", dependencies=DECIDE, responses=declare_problems(404, 409))
async def dismiss_episode(
    episode_id: EpisodeId, body: EpisodeDismissalBody, database: Database, asked: Asked
) -> EpisodeView:
    """Say that it was no outage; what was declared for it is cancelled."""
    wanted = DismissEpisode(episode_id, body.reason, asked, datetime.now(UTC))
    return EpisodeView.of(await dismiss(database, wanted))


@router.post("/{episode_id}/release", dependencies=DECIDE, responses=declare_problems(404, 409))
async def release_episode(
    episode_id: EpisodeId, body: ReleaseBody, database: Database, asked: Asked
) -> EpisodeView:
    """Let it out of quarantine; its outage is declared then."""
    wanted = ReleaseEpisode(episode_id, body.began_at, body.ended_at, asked, datetime.now(UTC))
    return EpisodeView.of(await release(database, wanted))
