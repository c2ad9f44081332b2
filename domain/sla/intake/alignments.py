"""
Alignments: the next thing that is missing for an outage to be as its episode says. Pure.

What is on record is compared, and not what was asked for: a request of an older version of the episode may
have been carried out after the newer version was looked at. What a person did to the outage itself stays.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.sla.intake.episodes import Episode, EpisodeStatus
from domain.sla.outages import OutageStatus

_VOID = (None, OutageStatus.CANCELLED, OutageStatus.VOIDED)


@dataclass(frozen=True, slots=True)
class OutageStanding:
    """How an outage stands, by which request it was resolved last, and whether its episode had reopened it."""

    status: OutageStatus
    resolved_at: datetime | None = None
    resolution_key: str | None = None
    is_reopened: bool = False


class AlignmentStep(StrEnum):
    NONE = "none"
    DECLARE = "declare"
    RESOLVE = "resolve"
    CANCEL = "cancel"
    REOPEN = "reopen"
    COUNT = "count"  # it was reopened: the next request to resolve is another one
    CONTINUE = "continue"  # by another episode
    ASK = "ask"  # a person: it can no longer be brought in line


_A = AlignmentStep


def choose_step(episode: Episode, standing: OutageStanding | None) -> AlignmentStep:
    """Return what is to be done next; `standing` is that of its outage, if it is on record."""
    if episode.status is EpisodeStatus.DISMISSED:
        return _choose_dismissal(episode, standing)
    if standing is None:
        return _A.DECLARE
    if standing.status is OutageStatus.DECLARED:
        return _choose_declared(episode, standing)
    if episode.wants_reopening:
        is_as_before = episode.ended_at is not None and episode.ended_at == episode.retracted_end
        return _A.CONTINUE if is_as_before else _A.REOPEN
    has_ended = episode.status is EpisodeStatus.ENDED
    ended_otherwise = not has_ended or standing.resolved_at != episode.ended_at
    if standing.status in _VOID or not is_own(episode, standing) or not ended_otherwise:
        return _A.NONE
    if standing.status is OutageStatus.DISPUTABLE:
        return _A.REOPEN
    return _A.NONE if episode.status is EpisodeStatus.END_UNKNOWN else _A.ASK


def _choose_dismissal(episode: Episode, standing: OutageStanding | None) -> AlignmentStep:
    if standing is None or standing.status in _VOID:
        return _A.NONE
    if standing.status is OutageStatus.DECLARED:
        return _A.CANCEL
    if standing.status is OutageStatus.DISPUTABLE and is_own(episode, standing):
        return _A.REOPEN
    return _A.NONE if episode.reason == describe_judged(episode, standing) else _A.ASK


def _choose_declared(episode: Episode, standing: OutageStanding) -> AlignmentStep:
    is_spent = standing.resolution_key == episode.get_resolution_key()
    if episode.wants_reopening:
        return _A.COUNT
    if episode.status is not EpisodeStatus.ENDED:
        return _A.COUNT if is_spent else _A.NONE
    if is_spent:
        return _A.COUNT if standing.is_reopened else _A.NONE  # a person has reopened it
    return _A.RESOLVE


def is_own(episode: Episode, standing: OutageStanding) -> bool:
    """Whether an outage was resolved by a request of its episode, of whatever version."""
    return (standing.resolution_key or "").startswith(f"intake-{episode.id}-")


def describe_judged(episode: Episode, standing: OutageStanding) -> str:
    """Return what a person is asked of an outage that can no longer be brought in line."""
    ended = "none" if standing.resolved_at is None else standing.resolved_at.isoformat()
    return (
        f"its outage is {standing.status} with the end {ended}, which is not that of the episode: "
        f"correct or void outage {episode.id} by its own routes, then give the end that it has"
    )
