"""
Zabbix: what the script of docs/intake.md sends, which is macros and nothing else.

Zabbix writes times as a date and a time of its own zone, without saying which: they are read in the zone of
the source. Where the clocks are set back an hour comes twice; what falls into it is not guessed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from domain.errors import Invalid
from domain.sla.intake.calendars.time_zones import resolve_local
from domain.sla.intake.messages import (
    SUMMARY_MAX,
    AlertMessage,
    AlertSignal,
    clean_labels,
    clean_text,
    require_key,
    require_word,
)

VALUES = {"1": True, "0": False}
_FORM = "%Y.%m.%d %H:%M:%S"


def read_zabbix(content: Mapping[str, Any], zone: tzinfo) -> AlertMessage:
    """
    Return what a notification says; its tags are its labels, with the host. A problem that is over never
    comes back: the next one is another event. Raises Invalid.
    """
    fingerprint = require_key(content, "event_id")
    value = require_word(content, "event_value")
    if value not in VALUES:
        raise Invalid(
            "event_value", "must be 1 for a problem, or 0 for its end: send {EVENT.VALUE}"
        )
    firing, problem = VALUES[value], None
    starts_at = ends_at = None
    try:
        starts_at = _read_instant(content, "event", zone)
        ends_at = None if firing else _read_instant(content, "recovery", zone)
    except Invalid as error:
        problem = str(error)
    labels = clean_labels(_read_tags(content.get("tags")))
    for name in ("host", "severity"):
        labels[name] = clean_text(content.get(name))
    title = clean_text(content.get("name"), SUMMARY_MAX)
    return AlertMessage(
        [
            AlertSignal(
                fingerprint, firing, starts_at, ends_at, labels, title, problem, can_reopen=False
            )
        ]
    )


def _read_instant(content: Mapping[str, Any], what: str, zone: tzinfo) -> datetime:
    """By the Unix time if it was sent, as Zabbix 7 can; else by the date and the time."""
    stamp, written = str(content.get(f"{what}_timestamp", "")), f"{what}_date"
    if stamp.isascii() and stamp.isdigit() and len(stamp) <= 11:
        return datetime.fromtimestamp(int(stamp), UTC)
    local = f"{content.get(written, '')} {content.get(f'{what}_time', '')}"
    try:
        found = datetime.strptime(local, _FORM)  # noqa: DTZ007 - the zone is that of the source
    except ValueError:
        raise Invalid(
            written, f"is no date with a time as Zabbix writes them: {local[:60]!r}"
        ) from None
    return resolve_local(written, found, zone)


def _read_tags(tags: Any) -> dict[str, str]:
    """Tags as {EVENT.TAGSJSON} gives them, or none."""
    if not isinstance(tags, list):
        return {}
    return {
        str(each.get("tag")): str(each.get("value"))
        for each in tags
        if isinstance(each, dict) and each.get("tag")
    }
