"""
What becomes of episodes by a message, and by silence. Pure: it is given what is known, and the time.

* Each alert counts by its own status. What a message leaves out is not over: its end is unknown.
* The same alert with another beginning is another episode.
* The same message again changes nothing. Of a source that does not repeat itself, its bytes are enough to know it.
* What cannot be true is neither dropped nor corrected: it waits for a person, with its reason.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.digests import compute_fingerprint
from domain.errors import Invalid
from domain.sla.intake.continuations import can_continue
from domain.sla.intake.episodes import (
    Episode,
    EpisodeReason,
    EpisodeStatus,
    find_begin_problem,
    find_end_problem,
    make_episode_id,
)
from domain.sla.intake.messages import AlertMessage, AlertSignal
from domain.sla.intake.sources import REPEATING, Source

_S = EpisodeStatus
# So many alerts are taken at a stretch.
PART = 200


@dataclass(frozen=True, slots=True)
class ReceptionContext:
    """In what circumstances a message came; `is_repeated` when its very bytes were on record."""

    source: Source
    message_id: str
    at: datetime
    policy: str
    agreement: str
    tzdata: str | None = None
    is_repeated: bool = False


class EpisodeChanges:
    """Episodes of one source as they are known, and what changes of them."""

    def __init__(self, known: Iterable[Episode], reception: ReceptionContext) -> None:
        self.reception = reception
        self.episodes = dict[str, Episode]()
        # The ids of the episodes of each alert: a message may have thousands of them.
        self._by_alert = dict[str, set[str]]()
        for each in known:
            self._put(each)
        self.before = dict(self.episodes)
        self.heard = set[str]()
        self.group: str | None = None
        self.repeats = reception.source.kind in REPEATING

    def list_changed(self) -> list[Episode]:
        """Return the episodes that are new or changed, in the order in which they were made."""
        return [each for id_, each in self.episodes.items() if self.before.get(id_) != each]

    def take(self, message: AlertMessage) -> None:
        for _ in self.take_in_parts(message):
            pass

    def take_in_parts(self, message: AlertMessage) -> Iterator[None]:
        """Take a message, with a pause after each part of it, in which whoever takes it may do something else."""
        if self.reception.is_repeated and not self.repeats:
            return  # what it says of now was true when it came first
        self.group, heartbeat = message.group, self.reception.source.heartbeat
        for place, signal in enumerate(message.signals):
            if place % PART == 0:
                yield
            if heartbeat is None or signal.labels.get("alertname") != heartbeat:
                self.take_signal(signal)
        if message.group is not None and not message.truncated:
            self._ask_missing(message)

    def take_signal(self, signal: AlertSignal) -> None:
        problem, start = signal.problem, signal.starts_at
        code = EpisodeReason.UNREADABLE
        if problem is None and start is not None:
            problem, code = (
                find_begin_problem(start, self.reception.at),
                EpisodeReason.IMPOSSIBLE_TIME,
            )
        if problem is not None or start is None:
            self._quarantine(signal, code, problem or "it has no beginning")
            return
        mine = self._list_mine(signal.fingerprint)
        same = _list_counting([each for each in mine if each.alert_start == start])
        if same:
            ended_before_that = [each.ended_at for each in same[:-1]]
            if signal.is_firing or signal.ends_at not in ended_before_that:
                self._take_same(signal, same[-1])
        else:
            self._take_other(signal, start, mine)

    def _list_mine(self, fingerprint: str) -> list[Episode]:
        found = [self.episodes[id_] for id_ in self._by_alert.get(fingerprint, ())]
        return sorted(found, key=lambda each: (each.began_at or each.first_heard_at, each.id))

    def _put(self, episode: Episode) -> None:
        self.episodes[episode.id] = episode
        self._by_alert.setdefault(episode.fingerprint, set()).add(episode.id)

    def _take_same(self, signal: AlertSignal, episode: Episode) -> None:
        """Take what is said of an episode that is known by its beginning."""
        self.heard.add(episode.id)
        if episode.status is _S.DISMISSED:
            return
        if signal.is_firing:
            self._take_firing(signal, episode)
        elif episode.status is _S.QUARANTINED:
            self._put(_keep_end(episode, signal.ends_at, self.reception.at))
        else:
            self._take_end(episode, signal.ends_at)

    def _take_firing(self, signal: AlertSignal, episode: Episode) -> None:
        if not self.repeats and not can_continue(signal, episode):
            return
        if episode.status is _S.END_UNKNOWN and episode.ended_before is None:
            self._put(episode.change(_S.OPEN))
        elif episode.status is _S.ENDED and not self._is_followed(episode):
            # It was not over: its outage is reopened, or followed by another one.
            self._put(
                episode.change(
                    _S.OPEN,
                    retracted_end=episode.ended_at,
                    ended_at=None,
                    wants_reopening=True,
                    decided_by=None,
                )
            )

    def _is_followed(self, episode: Episode) -> bool:
        """Whether the same alert has begun anew since: then what still speaks of the first is old."""
        began = episode.began_at
        return any(
            began is not None and each.began_at is not None and each.began_at > began
            for each in self._list_mine(episode.fingerprint)
            if each.status not in (_S.QUARANTINED, _S.DISMISSED)
        )

    def _take_end(self, episode: Episode, ended_at: datetime | None) -> None:
        """Take an end that is told. The first one that can be true holds; another one is noted."""
        assert episode.began_at is not None, "it would be in quarantine"
        if episode.status is _S.ENDED:
            if ended_at not in (None, episode.ended_at, episode.retracted_end):
                self._put(episode.add_note(f"the source also says that it ended at {ended_at}"))
            return
        problem = find_end_problem(episode.began_at, ended_at, self.reception.at)
        limit = episode.ended_before
        if problem is None and limit is not None and ended_at is not None and ended_at > limit:
            problem = f"its end, {ended_at}, is after the same alert began anew"
        if problem is None:
            self._put(episode.change(_S.ENDED, ended_at=ended_at, decided_by=None))
        elif episode.reason != problem:
            code, before = EpisodeReason.IMPOSSIBLE_TIME, episode.ended_before
            self._put(episode.ask_end(code, problem, ended_before=before))

    def _take_other(self, signal: AlertSignal, start: datetime, mine: Sequence[Episode]) -> None:
        """Take what is said of another beginning than those that are known."""
        said = f"the source now says that it began at {start}"
        for each in mine:
            if (
                each.status is _S.ENDED
                and each.ended_at == signal.ends_at
                and said in (each.note or "")
            ):
                self.heard.add(each.id)
                return  # as another server of a cluster says it too
            began, running = each.began_at, each.status in (_S.OPEN, _S.END_UNKNOWN)
            if began is None or not running:
                continue
            if began > start and (signal.is_firing or (signal.ends_at or start) > began):
                # The source has moved its beginning back, over what is known: it is the same.
                moved = each.add_note(said)
                self._put(moved)
                self._take_same(signal, moved)
                return
            if began < start and (each.ended_before is None or each.ended_before > start):
                self._put(
                    each.ask_end(
                        EpisodeReason.STARTED_AGAIN,
                        f"the same alert began anew at {start}, and the end before that was never told",
                        ended_after=began,
                        ended_before=start,
                    )
                )
        self._open(signal, start, find_overlap(signal, start, mine))

    def _open(self, signal: AlertSignal, start: datetime, overlap: Episode | None) -> None:
        if overlap is not None:
            said = f"it overlaps episode {overlap.id} of the same alert"
            self._quarantine(signal, EpisodeReason.OVERLAPS, said)
            return
        if not signal.is_firing:
            problem = find_end_problem(start, signal.ends_at, self.reception.at)
            if problem is not None:
                self._quarantine(signal, EpisodeReason.IMPOSSIBLE_TIME, problem)
                return
        try:
            target = self.reception.source.mapping.find_target(signal.labels)
        except Invalid as error:
            self._quarantine(signal, EpisodeReason.UNMAPPED, str(error))
            return
        status = _S.OPEN if signal.is_firing else _S.ENDED
        made = self._make(signal, status, start.isoformat())
        self._put(replace(made, target=target))

    def _quarantine(self, signal: AlertSignal, code: EpisodeReason, reason: str) -> None:
        """Keep what a person has to look at; the same once more is the same."""
        key = compute_fingerprint(
            [signal.labels, signal.is_firing, signal.starts_at, signal.ends_at, signal.problem]
        )
        made = self._make(signal, _S.QUARANTINED, "quarantine", key)
        self.heard.add(made.id)
        if made.id not in self.episodes:
            self._put(replace(made, reason_code=code, reason=reason))

    def _make(self, signal: AlertSignal, status: EpisodeStatus, *key: str) -> Episode:
        reception = self.reception
        id_ = make_episode_id(reception.source.name, signal.fingerprint, *key)
        self.heard.add(id_)
        return Episode(
            id_,
            reception.source.name,
            signal.fingerprint,
            signal.starts_at,
            signal.starts_at,
            signal.ends_at,
            status,
            signal.labels,
            signal.summary,
            self.group,
            reception.message_id,
            reception.at,
            reception.at,
            reception.policy,
            reception.agreement,
            tzdata=reception.tzdata,
        )

    def _ask_missing(self, message: AlertMessage) -> None:
        """What a whole message of a group leaves out is silenced, inhibited or gone: nobody says which."""
        named = {signal.fingerprint for signal in message.signals}
        for each in list(self.episodes.values()):
            if (
                each.status is _S.OPEN
                and each.group == message.group
                and each.fingerprint not in named
            ):
                reason = "the source sends its group without it, and has not said that it ended"
                self._put(each.ask_end(EpisodeReason.MISSING_FROM_GROUP, reason))


def find_overlap(signal: AlertSignal, start: datetime, mine: Sequence[Episode]) -> Episode | None:
    """Return an episode of the same alert that had ended, and in whose time this one lies too."""
    end = signal.ends_at
    for each in mine:
        if each.status is not _S.ENDED or each.began_at is None or each.ended_at is None:
            continue
        begins_before_its_end = start < each.ended_at
        ends_after_its_begin = end is None or end > each.began_at
        if begins_before_its_end and ends_after_its_begin:
            return each
    return None


def _list_counting(same: Sequence[Episode]) -> Sequence[Episode]:
    """Leave out what could not be read of an episode and is kept beside it, unless there is nothing else."""
    beside = (_S.QUARANTINED, _S.DISMISSED)
    counting = [each for each in same if each.status not in beside or each.continues is not None]
    return counting or same


def _keep_end(episode: Episode, ended_at: datetime | None, now: datetime) -> Episode:
    """Keep the end that is told of an episode in quarantine, for whoever releases it."""
    began = episode.began_at
    if began is None or find_end_problem(began, ended_at, now):
        return episode
    if find_end_problem(began, episode.ended_at, now) is None:
        return episode
    return replace(episode, ended_at=ended_at, version=episode.version + 1)


def ask_silent(episode: Episode, source: Source, now: datetime) -> Episode | None:
    """Return an open episode as one that asks, when it was not heard of for too long; else None."""
    if episode.status is not _S.OPEN or now - episode.last_heard_at <= source.patience:
        return None
    heard = episode.last_heard_at.isoformat(timespec="seconds")
    return episode.ask_end(EpisodeReason.NOT_HEARD, f"it was last heard of at {heard}")
