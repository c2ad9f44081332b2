"""Sources that do not repeat themselves: only what they say after an end, and in so many words, undoes it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.sla.intake.episode_rules import EpisodeChanges, ReceptionContext
from domain.sla.intake.episodes import Episode, EpisodeStatus
from domain.sla.intake.formats.alertmanager import read_alertmanager
from domain.sla.intake.formats.pagerduty import read_pagerduty
from domain.sla.intake.formats.statuspage import read_statuspage
from domain.sla.intake.formats.zabbix import read_zabbix
from domain.sla.intake.messages import AlertMessage
from domain.sla.intake.sources import LabelRule, SourceKind, SourceMapping
from tests.domain.sla.intake.test_formats import make_event, make_incident, make_notification
from tests.testkit.sla.alert_factory import make_alert, make_alert_message, make_source

NOW = datetime(2026, 11, 29, 13, tzinfo=UTC)
END = datetime(2026, 11, 29, 11, tzinfo=UTC)
ANYWHERE = SourceMapping(site=LabelRule(default="x"), severity=LabelRule(default="low"))


class Telling:
    """What a source of a kind tells, one message after the other, and the one episode that it is about."""

    def __init__(self, kind: SourceKind) -> None:
        self.source = make_source(kind=kind, mapping=ANYWHERE)
        self.episode: Episode | None = None

    def hear(self, message: AlertMessage, **context: Any) -> Episode:
        reception = ReceptionContext(self.source, "msg_1", NOW, "standard", "default", **context)
        changes = EpisodeChanges([self.episode] if self.episode else [], reception)
        changes.take(message)
        (self.episode,) = changes.episodes.values()
        return self.episode


def page(what: str, minutes: int = 0) -> AlertMessage:
    """An event of PagerDuty, so long after the end of its incident."""
    sent = make_event(f"incident.{what}")
    sent["event"]["occurred_at"] = (END + timedelta(minutes=minutes)).isoformat()
    return read_pagerduty(sent)


def show(status: str, minutes: int | None = None, **changes: Any) -> AlertMessage:
    updated = None if minutes is None else (END + timedelta(minutes=minutes)).isoformat()
    return read_statuspage(make_incident(status, updated_at=updated, **changes))


def test_an_incident_that_is_triggered_late_stays_over_and_is_only_reopened_afterwards() -> None:
    telling = Telling(SourceKind.PAGERDUTY)
    telling.hear(page("triggered", -60))
    assert telling.hear(page("resolved")).status is EpisodeStatus.ENDED
    for late in (page("triggered", -60), page("triggered", 5), page("reopened", -5)):
        assert (telling.hear(late).status, telling.hear(late).ended_at) == (
            EpisodeStatus.ENDED,
            END,
        )
    again = telling.hear(page("reopened", 5))
    assert (again.status, again.retracted_end) == (EpisodeStatus.OPEN, END)
    assert telling.hear(page("resolved", 9)).ended_at == END + timedelta(minutes=9)


def test_an_incident_of_a_page_goes_on_only_by_what_was_updated_after_its_end() -> None:
    telling = Telling(SourceKind.STATUSPAGE)
    telling.hear(show("investigating", -60))
    telling.hear(show("resolved", resolved_at=END.isoformat()))
    for late in (show("investigating", -60), show("monitoring", 0), show("identified")):
        assert telling.hear(late).status is EpisodeStatus.ENDED
    assert telling.hear(show("investigating", 1)).status is EpisodeStatus.OPEN


def test_a_problem_of_zabbix_that_is_over_never_comes_back() -> None:
    telling = Telling(SourceKind.ZABBIX)
    for value, wanted in (("1", "open"), ("0", "ended"), ("1", "ended")):
        assert telling.hear(read_zabbix(make_notification(value), UTC)).status == wanted


@pytest.mark.parametrize("kind", [SourceKind.PAGERDUTY, SourceKind.STATUSPAGE])
def test_bytes_that_are_known_change_nothing_however_they_read(kind: SourceKind) -> None:
    telling = Telling(kind)
    pager = kind is SourceKind.PAGERDUTY
    opened = page("reopened", 5) if pager else show("investigating", 5)
    over = page("resolved") if pager else show("resolved", resolved_at=END.isoformat())
    telling.hear(opened)
    telling.hear(over)
    assert telling.hear(opened, is_repeated=True).status is EpisodeStatus.ENDED
    assert telling.hear(opened).status is EpisodeStatus.OPEN


def test_a_late_beginning_does_not_answer_what_a_person_is_asked() -> None:
    telling = Telling(SourceKind.PAGERDUTY)
    telling.hear(page("triggered", -60))
    assert telling.hear(page("resolved", 1000)).status is EpisodeStatus.END_UNKNOWN
    assert telling.hear(page("triggered", -60)).status is EpisodeStatus.END_UNKNOWN
    assert telling.hear(page("resolved")).status is EpisodeStatus.ENDED


def test_an_end_with_a_beginning_that_was_moved_back_may_come_twice() -> None:
    """As two servers of a cluster do: nobody is asked whether the second overlaps the first."""
    telling = Telling(SourceKind.ALERTMANAGER)
    began = END - timedelta(minutes=30)
    telling.hear(read_alertmanager(make_alert_message(make_alert("a", began))))
    earlier = make_alert("a", began - timedelta(minutes=5), END)
    for _ in range(2):
        heard = telling.hear(read_alertmanager(make_alert_message(earlier)))
        assert (heard.status, heard.began_at, heard.ended_at) == (EpisodeStatus.ENDED, began, END)
