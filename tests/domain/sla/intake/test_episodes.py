"""What people say of episodes: the end that nobody told, that it was none, that it may leave quarantine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Conflict, IllegalTransition, Invalid
from domain.sla.intake.episodes import (
    TRANSITIONS,
    Episode,
    EpisodeReason,
    EpisodeStatus,
    check_overlap,
    dismiss_episode,
    end_episode,
    release_episode,
)
from domain.sla.intake.sources import AlertTarget
from domain.sla.verdicts import Severity

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
START, END = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
TARGET = AlertTarget("tower-7", "VOICE", Severity.HIGH, None)


def make_episode(status: EpisodeStatus = EpisodeStatus.END_UNKNOWN, **changes: object) -> Episode:
    made = Episode(
        *("epi_1", "prometheus", "f1", START, START, None, status, {}, "down", None),
        *("msg_1", START, START, "standard", "default"),
        target=TARGET,
        reason_code=EpisodeReason.NOT_HEARD,
        reason="silence",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_person_gives_the_end_in_their_own_name() -> None:
    ended = end_episode(make_episode(), END, "rita", NOW)
    assert (ended.status, ended.ended_at, ended.reason) == (EpisodeStatus.ENDED, END, None)
    resolution = ended.get_resolution()
    assert (resolution.resolved_at, resolution.request.actor) == (END, "rita")


@pytest.mark.parametrize("end", [START, NOW + timedelta(hours=1)])
def test_an_end_that_cannot_be_is_refused(end: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        end_episode(make_episode(), end, "rita", NOW)
    assert refused.value.field == "ended_at"


def test_an_end_after_the_same_alert_began_anew_is_refused() -> None:
    bounded = make_episode(ended_before=END)
    with pytest.raises(Invalid):
        end_episode(bounded, END + timedelta(seconds=1), "rita", NOW)
    assert end_episode(bounded, END, "rita", NOW).ended_at == END


def test_what_has_ended_is_not_ended_or_dismissed_again() -> None:
    ended = make_episode(EpisodeStatus.ENDED, ended_at=END)
    with pytest.raises(Conflict):
        end_episode(ended, END, "rita", NOW)
    with pytest.raises(Conflict):
        dismiss_episode(ended, "a test", "rita")


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_a_dismissal_says_why(reason: str) -> None:
    """A blank reason is none for the workflow that cancels the outage, however often it is asked."""
    with pytest.raises(Invalid) as refused:
        dismiss_episode(make_episode(), reason, "rita")
    assert refused.value.field == "reason"


def test_a_released_episode_has_the_times_that_can_be_true() -> None:
    future = NOW + timedelta(hours=1)
    waiting = make_episode(EpisodeStatus.QUARANTINED, began_at=future)
    with pytest.raises(Invalid) as refused:
        release_episode(waiting, None, None, TARGET, "rita", NOW)
    assert refused.value.field == "began_at"
    released = release_episode(waiting, START, None, TARGET, "rita", NOW)
    assert (released.status, released.began_at) == (EpisodeStatus.OPEN, START)
    whole = release_episode(waiting, START, END, TARGET, "rita", NOW)
    assert (whole.status, whole.ended_at) == (EpisodeStatus.ENDED, END)


@pytest.mark.parametrize(
    ("other", "is_refused"),
    [
        (make_episode(EpisodeStatus.ENDED, ended_at=END), True),
        (make_episode(EpisodeStatus.OPEN), True),
        (make_episode(), True),
        (make_episode(ended_before=START + timedelta(minutes=10)), False),
        (make_episode(EpisodeStatus.DISMISSED), False),
        (make_episode(EpisodeStatus.QUARANTINED), False),
        (make_episode(EpisodeStatus.OPEN, began_at=END), False),
    ],
)
def test_a_release_in_the_time_of_another_episode_is_refused(
    other: Episode, *, is_refused: bool
) -> None:
    """Both would become outages, and be paid for."""
    waiting = make_episode(EpisodeStatus.QUARANTINED, id="epi_2")
    inside = START + timedelta(minutes=20)
    released = release_episode(waiting, inside, END, TARGET, "rita", NOW)
    check_overlap(released, [released])
    if is_refused:
        with pytest.raises(Conflict, match="epi_1"):
            check_overlap(released, [other])
    else:
        check_overlap(released, [other])


def test_an_outage_says_what_the_alert_was_mapped_to() -> None:
    outage = make_episode().get_outage()
    assert (outage.id, outage.site_id, outage.affected_services) == ("epi_1", "tower-7", ["VOICE"])
    assert make_episode().get_declaration().agreement == "default"


def test_no_state_is_skipped() -> None:
    for now, nexts in TRANSITIONS.items():
        for to in set(EpisodeStatus) - nexts - {now}:
            with pytest.raises(IllegalTransition):
                make_episode(now).change(to)
