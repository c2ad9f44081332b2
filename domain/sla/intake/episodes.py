"""
Episodes: one alert of one source that fired once, from its beginning to its end, if that is ever known.

    open -> ended           the source, or a person, said when it ended
     |  \\-> end_unknown     nobody said: a person is asked, and nothing is settled before
     \\---> dismissed        a person said that it was no outage
    quarantined             its times cannot be true, or it says nothing of this engine: a person looks
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.digests import derive_id
from domain.errors import Conflict, Invalid
from domain.requests import Request
from domain.sla.intake.sources import AlertTarget
from domain.sla.outage_rules import CLOCK_SKEW, PROSE_MAX, check_instant
from domain.sla.outages import Declaration, Outage, Resolution
from domain.transitions import check_transition

NOTE_MAX = 500


class EpisodeStatus(StrEnum):
    OPEN = "open"
    ENDED = "ended"
    END_UNKNOWN = "end_unknown"
    QUARANTINED = "quarantined"
    DISMISSED = "dismissed"


class EpisodeReason(StrEnum):
    """Why a person is asked."""

    MISSING_FROM_GROUP = "missing_from_group"  # the next message of its group leaves it out
    NOT_HEARD = "not_heard"  # for several repeat intervals
    STARTED_AGAIN = "started_again"  # it fires since later; its first end was never told
    IMPOSSIBLE_TIME = "impossible_time"
    UNREADABLE = "unreadable"
    UNMAPPED = "unmapped"  # its labels say nothing of a site or a severity
    OVERLAPS = "overlaps"  # another episode of the same alert
    REFUSED = "refused"  # by the rules of outages


_S = EpisodeStatus
TRANSITIONS: Mapping[EpisodeStatus, frozenset[EpisodeStatus]] = {
    # it ended; or nobody says when; or it cannot be an outage here; or a person says that it is none
    _S.OPEN: frozenset({_S.ENDED, _S.END_UNKNOWN, _S.QUARANTINED, _S.DISMISSED}),
    # it is heard of again; or its end is told late, or given by a person; or it was no outage
    _S.END_UNKNOWN: frozenset({_S.OPEN, _S.ENDED, _S.QUARANTINED, _S.DISMISSED}),
    # the same alert fires again from the same beginning; or its outage cannot take this end
    _S.ENDED: frozenset({_S.OPEN, _S.END_UNKNOWN, _S.QUARANTINED}),
    # a person has released it, with its true times; or it was no outage
    _S.QUARANTINED: frozenset({_S.OPEN, _S.ENDED, _S.DISMISSED}),
    _S.DISMISSED: frozenset(),
}
# A person has something to do.
ASKING = frozenset({_S.END_UNKNOWN, _S.QUARANTINED})


@dataclass(frozen=True, slots=True)
class Episode:
    """
    `alert_start` is the beginning as the source tells it, by which further messages find the episode;
    `began_at`, that of the outage, which has the episode's id. A missing end lies between `ended_after` and
    `ended_before`, where these are known; `retracted_end` is one that the source took back by firing again.
    """

    id: str
    source: str
    fingerprint: str
    alert_start: datetime | None
    began_at: datetime | None
    ended_at: datetime | None
    status: EpisodeStatus
    labels: dict[str, str]
    summary: str
    group: str | None
    message_id: str
    first_heard_at: datetime
    last_heard_at: datetime
    # The names in force where its outage says none.
    policy: str
    agreement: str
    target: AlertTarget | None = None
    reason_code: EpisodeReason | None = None
    reason: str | None = None
    ended_after: datetime | None = None
    ended_before: datetime | None = None
    retracted_end: datetime | None = None
    continues: str | None = None
    wants_reopening: bool = False
    reopenings: int = 0
    decided_by: str | None = None
    note: str | None = None
    # Of the time zones by which its times were read.
    tzdata: str | None = None
    version: int = 1

    def change(self, status: EpisodeStatus, **changes: Any) -> "Episode":
        """Return the episode in its next status; why it was in the one before is forgotten."""
        if status is not self.status:
            check_transition(f"episode {self.id}", TRANSITIONS, self.status, status)
            forgotten = ("reason_code", "reason", "ended_after", "ended_before")
            changes = dict.fromkeys(forgotten) | changes
        return replace(self, **(changes | {"status": status, "version": self.version + 1}))

    def add_note(self, text: str) -> "Episode":
        """Return the episode with a note; the one it has already changes nothing."""
        if self.note is not None and text in self.note:
            return self
        note = text if self.note is None else f"{self.note}; {text}"
        return replace(self, note=note[:NOTE_MAX], version=self.version + 1)

    def ask_end(self, code: EpisodeReason, reason: str, **bounds: datetime | None) -> "Episode":
        return self.change(
            EpisodeStatus.END_UNKNOWN, ended_at=None, reason_code=code, reason=reason, **bounds
        )

    def get_outage(self) -> Outage:
        target = self.target
        assert target is not None, "an episode without one is in quarantine"
        assert self.began_at is not None, "and so is one without a beginning"
        return Outage(
            id=self.id,
            site_name=target.site,
            severity=target.severity,
            detected_at=self.began_at,
            description=self.summary[:PROSE_MAX],
            site_id=target.site,
            affected_services=[target.service] if target.service else [],
            agreement=target.agreement,
        )

    def get_request(self) -> Request:
        """Who asks for what is done because of it: the person who decided, else the source."""
        return Request(self.decided_by or f"source/{self.source}", self.id)

    def get_declaration(self) -> Declaration:
        outage = self.get_outage()
        return Declaration(
            outage,
            Request(f"source/{self.source}", self.id),
            self.policy,
            outage.agreement or self.agreement,
        )

    def get_resolution(self) -> Resolution:
        return Resolution(self.get_request(), self.ended_at)

    def get_resolution_key(self) -> str:
        """Name the request to resolve: the same one however often it is asked, another after a reopening."""
        return f"intake-{self.id}-{self.reopenings}"

    def get_reopening_key(self) -> str:
        """Name the request to take that resolution back."""
        return f"{self.get_resolution_key()}-reopened"


def make_episode_id(source: str, fingerprint: str, *key: str) -> str:
    return derive_id("epi", source, fingerprint, *key)


def find_begin_problem(began_at: datetime, now: datetime) -> str | None:
    """Say why an outage cannot have begun at an instant; None when it can."""
    try:
        check_instant("its beginning", began_at, now)
    except Invalid as error:
        return str(error)
    return None


def find_end_problem(began_at: datetime, ended_at: datetime | None, now: datetime) -> str | None:
    """Say why an outage cannot have ended at an instant; None when it can."""
    if ended_at is None:
        return "it ended, and the source does not say when"
    if ended_at > now + CLOCK_SKEW:
        return f"its end, {ended_at.isoformat()}, is in the future"
    if ended_at <= began_at:
        return (
            f"its end, {ended_at.isoformat()}, is not after its beginning, {began_at.isoformat()}"
        )
    return None


# What people do.


def end_episode(episode: Episode, ended_at: datetime, actor: str, now: datetime) -> Episode:
    """Give the end of an episode. Raises Conflict or Invalid."""
    if episode.status not in (EpisodeStatus.OPEN, EpisodeStatus.END_UNKNOWN):
        raise Conflict(f"episode {episode.id} is {episode.status}: there is no end to give")
    assert episode.began_at is not None, "it would be in quarantine"
    if problem := find_end_problem(episode.began_at, ended_at, now):
        raise Invalid("ended_at", problem)
    if episode.ended_before is not None and ended_at > episode.ended_before:
        raise Invalid(
            "ended_at",
            f"must not be after {episode.ended_before.isoformat()}, when the same alert began anew",
        )
    return episode.change(EpisodeStatus.ENDED, ended_at=ended_at, decided_by=actor)


def dismiss_episode(episode: Episode, reason: str, actor: str) -> Episode:
    """Say that an episode was no outage. Raises Conflict or Invalid."""
    if not reason.strip():
        raise Invalid("reason", "must say something: it becomes that of the cancellation")
    if EpisodeStatus.DISMISSED not in TRANSITIONS[episode.status]:
        raise Conflict(
            f"episode {episode.id} is {episode.status}: cancel, reopen or void its outage instead"
        )
    return episode.change(EpisodeStatus.DISMISSED, decided_by=actor).add_note(reason.strip())


def release_episode(
    episode: Episode,
    began_at: datetime | None,
    ended_at: datetime | None,
    target: AlertTarget,
    actor: str,
    now: datetime,
) -> Episode:
    """Let an episode out of quarantine, with the times that a person gives or else its own."""
    if episode.status is not EpisodeStatus.QUARANTINED:
        raise Conflict(f"episode {episode.id} is {episode.status}, and not in quarantine")
    begin, end = began_at or episode.began_at, ended_at or episode.ended_at
    if begin is None:
        raise Invalid("began_at", "is not known of this episode: send it")
    if problem := find_begin_problem(begin, now):
        raise Invalid("began_at", problem)
    if end is not None and (problem := find_end_problem(begin, end, now)):
        raise Invalid("ended_at", problem)
    status = EpisodeStatus.OPEN if end is None else EpisodeStatus.ENDED
    return episode.change(status, began_at=begin, ended_at=end, target=target, decided_by=actor)


def check_overlap(released: Episode, others: Iterable[Episode]) -> None:
    """
    Refuse an episode in whose time another one of the same alert lies, which would be paid for twice. Those that
    wait in quarantine have no times that hold; they are compared when they are released. Raises Conflict.
    """
    begin, end = released.began_at, released.ended_at
    assert begin is not None, "it would be in quarantine"
    for each in others:
        if each.id == released.id or each.status in (_S.QUARANTINED, _S.DISMISSED):
            continue
        assert each.began_at is not None, "it would be in quarantine"
        limit = each.ended_at or each.ended_before
        if (limit is None or begin < limit) and (end is None or each.began_at < end):
            raise Conflict(
                f"episode {released.id} overlaps episode {each.id} of the same alert: "
                "give times outside of that one, or dismiss one of them"
            )
