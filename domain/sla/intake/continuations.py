"""
Episodes that fire again from the same beginning: whether they do, and what becomes of those whose outage
cannot be reopened any more.
"""

from dataclasses import replace

from domain.sla.intake.episodes import Episode, EpisodeStatus, make_episode_id
from domain.sla.intake.messages import AlertSignal


def can_continue(signal: AlertSignal, episode: Episode) -> bool:
    """
    Whether a source that does not repeat itself says that an episode goes on after its end. What is only late
    or sent once more does not: nothing would ever end it again. Where no end is known, a person is asked.
    """
    said_at, ended_at = signal.said_at, episode.ended_at
    if not signal.can_reopen or ended_at is None:
        return False
    return said_at is not None and said_at > ended_at


def continue_episode(episode: Episode) -> tuple[Episode, Episode | None]:
    """
    Split an episode whose outage cannot be reopened any more: the first keeps the end that was retracted, and
    what came after it is another one, linked to it. There is none where nothing came after it.
    """
    retracted = episode.retracted_end
    assert retracted is not None, "it has fired again after its end"
    first = replace(
        episode,
        status=EpisodeStatus.ENDED,
        ended_at=retracted,
        retracted_end=None,
        wants_reopening=False,
        reason_code=None,
        reason=None,
        version=episode.version + 1,
    )
    if episode.ended_at is not None and episode.ended_at <= retracted:
        return first, None
    # It may have been continued before, and what continued it dismissed.
    key = (episode.id, "continued", str(episode.version))
    next_ = replace(
        episode,
        id=make_episode_id(episode.source, episode.fingerprint, *key),
        began_at=retracted,
        retracted_end=None,
        wants_reopening=False,
        continues=episode.id,
        decided_by=None,
        note=None,
        version=1,
    )
    return first, next_
