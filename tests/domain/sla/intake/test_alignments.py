"""The next thing that is missing for an outage to be as its episode says, by what is on record of both."""

from datetime import timedelta
from typing import Any

import pytest

from domain.sla.intake.alignments import (
    OutageStanding,
    choose_step,
    describe_judged,
)
from domain.sla.intake.episodes import EpisodeStatus
from domain.sla.outages import OutageStatus
from tests.domain.sla.intake.test_episodes import END, NOW, make_episode

OPEN, ENDED = EpisodeStatus.OPEN, EpisodeStatus.ENDED
UNKNOWN, DISMISSED = EpisodeStatus.END_UNKNOWN, EpisodeStatus.DISMISSED
LATER = END + timedelta(minutes=5)
OURS, EARLIER, THEIRS = "intake-epi_1-1", "intake-epi_1-0", "a-person"


def choose(status: EpisodeStatus, standing: OutageStanding | None, **changes: Any) -> str:
    ended = END if status is ENDED else None
    episode = make_episode(status, reopenings=1, **{"ended_at": ended} | changes)
    return choose_step(episode, standing).value


def judged(key: str, status: str = "disputable", end: Any = END) -> OutageStanding:
    return OutageStanding(OutageStatus(status), end, key)


def declared(key: str | None = None, *, is_reopened: bool = False) -> OutageStanding:
    return OutageStanding(OutageStatus.DECLARED, None, key, is_reopened)


@pytest.mark.parametrize(
    ("status", "standing", "step"),
    [
        (OPEN, None, "declare"),
        (OPEN, declared(), "none"),
        (ENDED, declared(), "resolve"),
        (ENDED, judged(OURS), "none"),
        (DISMISSED, None, "none"),
        (DISMISSED, declared(), "cancel"),
        (DISMISSED, judged(OURS, "cancelled"), "none"),
    ],
)
def test_what_is_missing_is_done(
    status: EpisodeStatus, standing: OutageStanding | None, step: str
) -> None:
    assert choose(status, standing) == step


@pytest.mark.parametrize("key", [OURS, EARLIER])
def test_what_an_older_request_has_resolved_since_is_reopened(key: str) -> None:
    """Its request was in flight while the newer version of the episode was looked at."""
    for status in (OPEN, UNKNOWN, DISMISSED):
        assert choose(status, judged(key)) == "reopen"
    assert choose(ENDED, judged(key, end=LATER)) == "reopen"
    assert choose(ENDED, judged(key)) == "none"


def test_what_a_person_did_to_the_outage_stays() -> None:
    for status in (OPEN, UNKNOWN, ENDED):
        assert choose(status, judged(THEIRS, end=LATER)) == "none"
    assert choose(ENDED, declared(OURS)) == "none"


def test_a_request_that_was_taken_back_is_followed_by_another_one() -> None:
    """The same request again is answered by Temporal as it was then, and does nothing."""
    assert choose(OPEN, declared(OURS)) == "count"
    assert choose(ENDED, declared(OURS, is_reopened=True)) == "count"
    assert choose(ENDED, declared(EARLIER, is_reopened=True)) == "resolve"


@pytest.mark.parametrize("status", ["disputed", "settling", "closed"])
def test_what_can_no_longer_be_brought_in_line_is_asked_once(status: str) -> None:
    for known in (OPEN, ENDED):
        assert choose(known, judged(OURS, status, LATER)) == "ask"
    assert choose(UNKNOWN, judged(OURS, status, LATER)) == "none"
    assert choose(DISMISSED, judged(THEIRS, status)) == "ask"
    episode = make_episode(DISMISSED)
    asked = describe_judged(episode, judged(THEIRS, status))
    assert choose(DISMISSED, judged(THEIRS, status), reason=asked) == "none"


def test_what_fires_again_is_reopened_or_goes_on_as_another_one() -> None:
    again = {"wants_reopening": True, "retracted_end": END}
    assert choose(OPEN, judged(THEIRS), **again) == "reopen"
    assert choose(OPEN, declared(EARLIER), **again) == "count"
    assert choose(ENDED, judged(OURS), **again) == "continue"
    assert choose(ENDED, judged(OURS), **again | {"ended_at": NOW}) == "reopen"
