"""Alertmanager's messages become episodes: each row of what it really sends is a test."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.sla.intake.continuations import continue_episode
from domain.sla.intake.episode_rules import (
    EpisodeChanges,
    ReceptionContext,
    ask_silent,
)
from domain.sla.intake.episodes import (
    Episode,
    EpisodeReason,
    EpisodeStatus,
    dismiss_episode,
    end_episode,
)
from domain.sla.intake.formats.alertmanager import read_alertmanager
from tests.testkit.sla.alert_factory import make_alert, make_alert_message, make_source

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
S1, E1 = NOW - timedelta(minutes=50), NOW - timedelta(minutes=40)
S2, E2 = NOW - timedelta(minutes=30), NOW - timedelta(minutes=20)
OPEN, ENDED, UNKNOWN, QUARANTINED = (
    *(EpisodeStatus.OPEN, EpisodeStatus.ENDED, EpisodeStatus.END_UNKNOWN),
    EpisodeStatus.QUARANTINED,
)


class SourceHistory:
    """A source's messages, one after the other, and the episodes as they stand then."""

    def __init__(self, **source: Any) -> None:
        self.source = make_source(**source)
        self.episodes: dict[str, Episode] = {}
        self.changed: Sequence[Episode] = ()

    def hear(self, *alerts: dict[str, Any], at: datetime = NOW, **changes: Any) -> None:
        reception = ReceptionContext(self.source, "msg_1", at, "standard", "default")
        changing = EpisodeChanges(self.episodes.values(), reception)
        changing.take(read_alertmanager(make_alert_message(*alerts, **changes)))
        self.changed = changing.list_changed()
        self.episodes |= {each.id: each for each in self.changed}

    def tell(self) -> list[tuple[str, datetime | None, datetime | None]]:
        """Return state, begin and end of each episode, in the order of begins."""
        found = [(e.status, e.began_at, e.ended_at) for e in self.episodes.values()]
        return sorted(found, key=lambda each: (each[1] or NOW, each[0]))

    def one(self) -> Episode:
        (found,) = self.episodes.values()
        return found


def test_a_firing_alert_has_no_end_and_keeps_its_microseconds() -> None:
    """`endsAt` of the year 1 is no instant, and `startsAt` has nine decimals."""
    history, start = SourceHistory(), S1 + timedelta(microseconds=123456)
    history.hear(make_alert("a", start))
    assert history.tell() == [(OPEN, start, None)]


def test_each_alert_counts_by_its_own_status() -> None:
    history = SourceHistory()
    a, b, c = make_alert("a", S1), make_alert("b", S1), make_alert("c", S1)
    history.hear(a, b, c)
    history.hear(make_alert("a", S1, E1), b, c, status="firing")
    assert sorted(state for state, _, _ in history.tell()) == [ENDED, OPEN, OPEN]
    history.hear(make_alert("b", S1, E1), c, status="resolved")
    assert sorted(state for state, _, _ in history.tell()) == [ENDED, ENDED, OPEN]


def test_what_is_left_out_after_its_end_stays_as_it_is() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1), make_alert("b", S1))
    history.hear(make_alert("a", S1, E1), make_alert("b", S1))
    history.hear(make_alert("b", S1))
    assert history.changed == []
    assert history.tell() == [(ENDED, S1, E1), (OPEN, S1, None)]


def test_what_its_group_leaves_out_asks_a_person_and_is_never_ended() -> None:
    """The end fell into a silence or an inhibition: it is never sent."""
    history = SourceHistory()
    history.hear(make_alert("a", S1), make_alert("b", S1))
    history.hear(make_alert("b", S1))
    (asked,) = history.changed
    assert (asked.status, asked.reason_code) == (UNKNOWN, EpisodeReason.MISSING_FROM_GROUP)
    assert asked.ended_at is None
    history.hear(make_alert("c", S1), groupKey="another")
    assert sorted(state for state, _, _ in history.tell()) == [UNKNOWN, OPEN, OPEN]


def test_what_is_heard_of_again_is_open_again_and_takes_its_end() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1), make_alert("b", S1))
    history.hear(make_alert("b", S1))
    history.hear(make_alert("a", S1), make_alert("b", S1))
    assert history.tell() == [(OPEN, S1, None), (OPEN, S1, None)]
    history.hear(make_alert("b", S1))
    history.hear(make_alert("a", S1, E1), make_alert("b", S1))
    assert history.tell() == [(ENDED, S1, E1), (OPEN, S1, None)]


def test_what_is_not_heard_of_for_several_intervals_asks_a_person() -> None:
    history = SourceHistory(repeat_interval=timedelta(minutes=10))
    history.hear(make_alert("a", S1), at=NOW)
    episode = history.one()
    assert ask_silent(episode, history.source, NOW + timedelta(minutes=30)) is None
    asked = ask_silent(episode, history.source, NOW + timedelta(minutes=31))
    assert asked is not None
    assert (asked.status, asked.reason_code) == (UNKNOWN, EpisodeReason.NOT_HEARD)
    assert ask_silent(asked, history.source, NOW + timedelta(hours=5)) is None


def test_a_cut_message_says_nothing_of_what_it_leaves_out() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1), make_alert("b", S1))
    history.hear(make_alert("a", S1, E1), status="resolved", truncatedAlerts=1)
    assert history.tell() == [(ENDED, S1, E1), (OPEN, S1, None)]


def test_an_end_that_was_never_opened_is_a_whole_outage() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1, E1), make_alert("b", S1))
    assert history.tell() == [(ENDED, S1, E1), (OPEN, S1, None)]


def test_a_flap_is_two_episodes_of_which_the_first_has_an_unknown_end() -> None:
    """`firing S1`, then `resolved S2 to E2`: what came between is never sent."""
    history = SourceHistory()
    history.hear(make_alert("a", S1))
    history.hear(make_alert("a", S2, E2))
    assert history.tell() == [(UNKNOWN, S1, None), (ENDED, S2, E2)]
    first = next(each for each in history.episodes.values() if each.status is UNKNOWN)
    assert (first.ended_after, first.ended_before) == (S1, S2)
    assert first.reason_code is EpisodeReason.STARTED_AGAIN


def test_a_late_end_of_the_first_is_taken_where_it_fits() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1))
    history.hear(make_alert("a", S2))
    history.hear(make_alert("a", S1, E2 + timedelta(minutes=1)))
    assert [state for state, _, _ in history.tell()] == [UNKNOWN, OPEN]
    history.hear(make_alert("a", S1, E1))
    assert history.tell() == [(ENDED, S1, E1), (OPEN, S2, None)]


def test_old_news_of_the_first_do_not_open_it_again() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1, E1))
    history.hear(make_alert("a", S2))
    history.hear(make_alert("a", S1))
    assert history.tell() == [(ENDED, S1, E1), (OPEN, S2, None)]


def test_what_fires_again_from_the_same_beginning_wants_to_be_reopened() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1))
    history.hear(make_alert("a", S1, E1))
    history.hear(make_alert("a", S1))
    again = history.one()
    assert (again.status, again.retracted_end, again.wants_reopening) == (OPEN, E1, True)
    history.hear(make_alert("a", S1, E2))
    assert history.tell() == [(ENDED, S1, E2)]


def test_what_cannot_be_reopened_goes_on_as_another_one_linked_to_the_first() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1))
    history.hear(make_alert("a", S1, E1))
    history.hear(make_alert("a", S1))
    first, next_ = continue_episode(history.one())
    assert next_ is not None
    assert (first.status, first.ended_at) == (ENDED, E1)
    assert (next_.status, next_.began_at, next_.continues) == (OPEN, E1, first.id)
    history.episodes = {first.id: first, next_.id: next_}
    history.hear(make_alert("a", S1, E1))
    assert history.changed == []
    history.hear(make_alert("a", S1, E2))
    assert history.tell() == [(ENDED, S1, E1), (ENDED, E1, E2)]


def test_another_end_and_an_earlier_beginning_are_noted_and_change_no_time() -> None:
    """Corrections are made by this engine's own API; what the source says of them stays readable."""
    history = SourceHistory()
    history.hear(make_alert("a", S1, E1))
    history.hear(make_alert("a", S1, E1 + timedelta(minutes=1)))
    assert history.tell() == [(ENDED, S1, E1)]
    assert str(E1 + timedelta(minutes=1)) in (history.one().note or "")
    moved = SourceHistory()
    moved.hear(make_alert("a", S2))
    moved.hear(make_alert("a", S1))
    assert moved.tell() == [(OPEN, S2, None)]
    assert str(S1) in (moved.one().note or "")


def test_the_fingerprint_is_the_alert_whatever_its_annotations_say() -> None:
    history, alert = SourceHistory(), make_alert("a", S1)
    history.hear(alert)
    history.hear(alert | {"annotations": {"summary": "still down"}})
    assert history.tell() == [(OPEN, S1, None)]
    history.hear(alert, make_alert("b", S1, rack="7"))
    assert len(history.episodes) == 2


def test_the_same_message_twice_and_from_a_twin_does_nothing_twice() -> None:
    history = SourceHistory()
    for twin in ("http://one.example", "http://two.example", "http://one.example"):
        history.hear(make_alert("a", S1), make_alert("b", S1, E1), externalURL=twin)
    assert history.changed == []
    assert history.tell() == [(ENDED, S1, E1), (OPEN, S1, None)]


def test_an_end_that_comes_before_its_beginning_heals() -> None:
    """The twin that was slower sends `firing` after `resolved`, and then the same end."""
    history = SourceHistory()
    for alert in (make_alert("a", S1, E1), make_alert("a", S1), make_alert("a", S1, E1)):
        history.hear(alert)
    assert history.tell() == [(ENDED, S1, E1)]


def test_impossible_times_wait_in_quarantine_with_their_reason() -> None:
    history, future = SourceHistory(), NOW + timedelta(hours=1)
    ancient = datetime(1999, 1, 1, tzinfo=UTC)
    history.hear(make_alert("a", future), make_alert("b", ancient), make_alert("c", E1, S1))
    history.hear(make_alert("d", S1, future), make_alert("e", S1) | {"startsAt": "soon"})
    found = {each.labels["site"]: each for each in history.episodes.values()}
    assert {each.status for each in found.values()} == {QUARANTINED}
    words = {"a": "future", "b": "before 2000", "c": "not after", "d": "future", "e": "no instant"}
    assert {
        name: word in (found[name].reason or "") for name, word in words.items()
    } == dict.fromkeys(words, True)
    history.hear(make_alert("a", future), make_alert("b", ancient), make_alert("c", E1, S1))
    assert history.changed == []


def test_an_impossible_end_of_an_open_episode_asks_a_person() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1))
    history.hear(make_alert("a", S1, NOW + timedelta(hours=1)))
    assert history.tell() == [(UNKNOWN, S1, None)]
    assert history.one().reason_code is EpisodeReason.IMPOSSIBLE_TIME


def test_an_alert_in_the_time_of_another_waits_in_quarantine() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1, E2))
    history.hear(make_alert("a", S2))
    assert [state for state, _, _ in history.tell()] == [ENDED, QUARANTINED]
    assert max(e.reason or "" for e in history.episodes.values()).startswith("it overlaps")


def test_labels_that_say_nothing_of_a_site_wait_and_keep_their_end() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1, site=""))
    history.hear(make_alert("a", S1, E1, site=""))
    assert history.tell() == [(QUARANTINED, S1, E1)]
    assert history.one().reason_code is EpisodeReason.UNMAPPED


def test_a_heartbeat_is_no_outage() -> None:
    history = SourceHistory(heartbeat="Watchdog")
    history.hear(make_alert("a", S1, alertname="Watchdog"), make_alert("b", S1))
    assert [each.labels["site"] for each in history.episodes.values()] == ["b"]


def test_an_end_that_a_person_gave_is_taken_back_by_an_alert_that_fires() -> None:
    history = SourceHistory()
    history.hear(make_alert("a", S1))
    ended = end_episode(history.one(), E1, "rita", NOW)
    history.episodes = {ended.id: ended}
    history.hear(make_alert("a", S1))
    again = history.one()
    assert (again.status, again.decided_by, again.wants_reopening) == (OPEN, None, True)


def test_an_end_that_could_not_be_read_does_not_take_the_next_one_from_its_episode() -> None:
    """Whichever of the two has the smaller id, and whether a person has dismissed the unreadable one or not."""
    for name in "abcdefgh":
        for dismissed in (False, True):
            history = SourceHistory()
            history.hear(make_alert(name, S1))
            (kept,) = history.episodes
            history.hear(make_alert(name, S1, E1) | {"endsAt": "yesterday"})
            (beside,) = history.episodes.keys() - {kept}
            if dismissed:
                gone = dismiss_episode(history.episodes[beside], "unreadable", "rita")
                history.episodes[beside] = gone
            history.hear(make_alert(name, S1, E1))
            assert (history.episodes[kept].status, history.episodes[kept].ended_at) == (ENDED, E1)
