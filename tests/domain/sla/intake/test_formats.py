"""What PagerDuty, Statuspage and Zabbix send, and what is refused of it and of Alertmanager."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.errors import Invalid
from domain.sla.intake.formats.alertmanager import read_alertmanager
from domain.sla.intake.formats.pagerduty import read_pagerduty
from domain.sla.intake.formats.signatures import is_pagerduty_signature
from domain.sla.intake.formats.statuspage import read_statuspage
from domain.sla.intake.formats.zabbix import read_zabbix
from domain.sla.intake.messages import read_json
from tests.testkit.sla.alert_factory import make_alert, make_alert_message

START, END = datetime(2026, 11, 29, 10, tzinfo=UTC), datetime(2026, 11, 29, 11, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SECRET = b"secret-of-a-webhook"


def make_event(kind: str, **incident: Any) -> dict[str, Any]:
    known = {"id": "PT4KHLK", "title": "on fire", "created_at": "2026-11-29T10:00:00Z"}
    known |= {"service": {"id": "PIJ90N7", "summary": "Mail"}, "urgency": "high"} | incident
    return {"event": {"event_type": kind, "occurred_at": "2026-11-29T11:00:00Z", "data": known}}


def make_incident(status: str, **changes: Any) -> dict[str, Any]:
    known = {"id": "i1", "name": "API down", "status": status, "impact": "major"}
    known |= {"created_at": "2026-11-29T10:00:00.000Z", "resolved_at": None} | changes
    return {"page": {"id": "p1"}, "incident": known}


def make_notification(value: str, **changes: str) -> dict[str, Any]:
    known = {"event_id": "42", "event_value": value, "name": "ping lost", "host": "tower-7"}
    known |= {"event_date": "2026.11.29", "event_time": "11:00:00", "severity": "High"}
    return known | {"recovery_date": "2026.11.29", "recovery_time": "12:00:00"} | changes


def test_keys_that_are_not_known_are_left_out() -> None:
    alert = make_alert("a", START) | {"new": {"a": 1}}
    message = read_alertmanager(make_alert_message(alert, newest=True))
    assert [each.starts_at for each in message.signals] == [START]
    # A week of ISO 8601 is no date of RFC 3339.
    (signal,) = read_alertmanager(
        make_alert_message(alert | {"startsAt": "2026-W48-7T10:00:00Z"})
    ).signals
    assert signal.problem == "startsAt is no instant"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"version": "3"}, "version"),
        ({"alerts": None}, "alerts"),
        ({"alerts": ["a"]}, "alerts"),
        ({"truncatedAlerts": "no"}, "truncatedAlerts"),
        ({"truncatedAlerts": 2**31}, "truncatedAlerts"),
    ],
)
def test_what_is_no_message_of_alertmanager_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_alertmanager(make_alert_message() | changes)
    assert refused.value.field == field


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": NaN}', b"[" * 100_000, b"\xff"])
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        read_json(content)


def test_an_alert_that_the_database_could_not_hold_is_cleaned() -> None:
    content = json.dumps(make_alert_message(make_alert("a\x00b\ud800", START)))
    (signal,) = read_alertmanager(read_json(content.encode())).signals
    assert signal.labels["site"] == "a\ufffdb?"


def test_keys_that_are_cut_stay_as_different_as_they_are() -> None:
    """Two long group keys of one beginning are two groups, and two long fingerprints two alerts."""
    keys = [f"{{}}:{{names={'a' * 600}, end={end}}}" for end in "xy"] + [
        "a\x00",
        "a\ufffd",
        "plain",
    ]
    groups = [read_alertmanager(make_alert_message(groupKey=key)).group or "" for key in keys]
    assert len(set(groups)) == len(keys)
    assert max(map(len, groups)) <= 500
    assert groups[-1] == "plain"
    assert groups[0].startswith(keys[0][:400])
    events = [make_event("incident.triggered", id="i" * 300 + end) for end in "xy"]
    names = {read_pagerduty(each).signals[0].fingerprint for each in events}
    assert len(names) == 2
    assert max(map(len, names)) <= 200


def test_pagerduty_incidents_begin_when_made_and_end_when_resolved() -> None:
    (fired,) = read_pagerduty(make_event("incident.triggered")).signals
    assert (fired.fingerprint, fired.is_firing, fired.starts_at) == ("PT4KHLK", True, START)
    assert fired.labels["service"] == "Mail"
    (over,) = read_pagerduty(make_event("incident.resolved")).signals
    assert (over.is_firing, over.starts_at, over.ends_at) == (False, START, END)
    for kind in ("incident.acknowledged", "pagey.ping"):
        assert read_pagerduty(make_event(kind)).signals == []


def test_a_signature_of_pagerduty_is_of_the_raw_body() -> None:
    body = b'{"event": {} }'
    good = "v1=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    assert is_pagerduty_signature(SECRET, body, good)
    assert is_pagerduty_signature(SECRET, body, f"v1={'0' * 64},{good}")
    for header in ("", good[3:], f"v2={good[3:]}", good.upper(), good + "0", f"v1={'0' * 64}"):
        assert not is_pagerduty_signature(SECRET, body, header)
    assert not is_pagerduty_signature(SECRET, body + b" ", good)
    assert not is_pagerduty_signature(b"another", body, good)


def test_statuspage_incidents_are_over_when_resolved() -> None:
    (fired,) = read_statuspage(make_incident("investigating")).signals
    assert (fired.fingerprint, fired.is_firing, fired.starts_at) == ("i1", True, START)
    (over,) = read_statuspage(make_incident("resolved", resolved_at="2026-11-29T11:00:00Z")).signals
    assert (over.is_firing, over.ends_at) == (False, END)
    (lacking,) = read_statuspage(make_incident("resolved")).signals
    assert lacking.problem == "incident.resolved_at is no instant"


def test_statuspage_says_nothing_by_components_and_planned_work() -> None:
    assert read_statuspage({"component_update": {}, "component": {}}).signals == []
    assert read_statuspage(make_incident("scheduled")).signals == []
    with pytest.raises(Invalid):
        read_statuspage(make_incident("confused"))


def test_zabbix_writes_times_of_the_zone_of_its_source() -> None:
    (fired,) = read_zabbix(make_notification("1"), BERLIN).signals
    assert (fired.fingerprint, fired.is_firing, fired.starts_at) == ("42", True, START)
    (over,) = read_zabbix(make_notification("0"), BERLIN).signals
    assert (over.starts_at, over.ends_at) == (START, END)
    assert over.labels["host"] == "tower-7"


def test_zabbix_may_send_unix_times_and_tags() -> None:
    sent = make_notification("1", event_timestamp=str(int(START.timestamp())), event_date="")
    (fired,) = read_zabbix(sent | {"tags": [{"tag": "site", "value": "x"}]}, BERLIN).signals
    assert (fired.starts_at, fired.labels["site"]) == (START, "x")


@pytest.mark.parametrize(
    ("date", "time", "word"),
    [
        ("2026.10.25", "02:30:00", "twice"),
        ("2026.03.29", "02:30:00", "skip"),
        ("29/11/2026", "10:00", "no date"),
        ("0001.01.01", "00:00:00", "reckoned"),
    ],
)
def test_a_local_time_of_zabbix_that_is_none_or_two_is_a_problem(
    date: str, time: str, word: str
) -> None:
    sent = make_notification("1", event_date=date, event_time=time)
    (signal,) = read_zabbix(sent, BERLIN).signals
    assert signal.starts_at is None
    assert word in (signal.problem or "")


def test_an_alert_with_many_labels_keeps_those_that_come_last() -> None:
    """One that is left out would be taken for missing, and the default of the mapping for what it says."""
    many = {f"label_{n:03}": "x" for n in range(100)}
    (signal,) = read_alertmanager(make_alert_message(make_alert("a", START, **many))).signals
    assert signal.labels["site"] == "a"
    tags: Any = [{"tag": name, "value": value} for name, value in (many | {"site": "a"}).items()]
    (signal,) = read_zabbix(make_notification("1", tags=tags), BERLIN).signals
    assert signal.labels["site"] == "a"
