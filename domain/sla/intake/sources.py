"""
Sources: who sends alerts or notices, in which form, and what the labels of an alert mean here.

A source that is silent is not healthy: it is only not heard.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.errors import Invalid
from domain.sla.outage_rules import AGREEMENT_NAME_MAX, SERVICE_NAME_MAX, SITE_ID_MAX
from domain.sla.verdicts import Severity

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
TOKEN_PREFIX = "axs_"
# An alert that was not heard of for so many intervals has an unknown end.
INTERVALS_MISSED = 3
# What Alertmanager has unless it is told otherwise.
REPEAT_INTERVAL = timedelta(hours=4)
OVERLAP = timedelta(hours=24)
LABEL_MAX, VALUES_MAX = 200, 100


class SourceKind(StrEnum):
    ALERTMANAGER = "alertmanager"
    MAINTNOTE = "maintnote"
    PAGERDUTY = "pagerduty"
    STATUSPAGE = "statuspage"
    ZABBIX = "zabbix"


# Only these say again and again that an alert still fires.
REPEATING = frozenset({SourceKind.ALERTMANAGER})
# These sign what they send, with a secret that they have made.
SIGNING = frozenset({SourceKind.PAGERDUTY})


@dataclass(frozen=True, slots=True)
class LabelRule:
    """A value by a label of the alert, by way of a table if there is one; else the default."""

    label: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    default: str | None = None

    def choose(self, labels: Mapping[str, str]) -> str | None:
        given = labels.get(self.label) if self.label else None
        if given and self.values:
            given = self.values.get(given)
        return given or self.default


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """What an alert is about, in this engine's words."""

    site: str
    service: str | None
    severity: Severity
    agreement: str | None


@dataclass(frozen=True, slots=True)
class SourceMapping:
    site: LabelRule = LabelRule()
    service: LabelRule = LabelRule()
    severity: LabelRule = LabelRule()
    agreement: LabelRule = LabelRule()

    def find_target(self, labels: Mapping[str, str]) -> AlertTarget:
        """Raises Invalid, with the part of the mapping that finds nothing."""
        site = self.site.choose(labels)
        if site is None:
            raise Invalid("site", _describe(self.site))
        named = self.severity.choose(labels)
        try:
            severity = Severity(named or "")
        except ValueError:
            raise Invalid("severity", _describe(self.severity)) from None
        service, agreement = self.service.choose(labels), self.agreement.choose(labels)
        for name, value, most in (
            ("site", site, SITE_ID_MAX),
            ("service", service or "", SERVICE_NAME_MAX),
            ("agreement", agreement or "", AGREEMENT_NAME_MAX),
        ):
            if len(value) > most:
                raise Invalid(name, f"is longer than {most} characters")
        return AlertTarget(site, service, severity, agreement)


def _describe(rule: LabelRule) -> str:
    label = f"the label {rule.label!r} gives none" if rule.label else "the mapping names no label"
    return f"cannot be told: {label}, and there is no default; change the mapping of the source"


def make_mapping(content: Mapping[str, Any]) -> SourceMapping:
    return SourceMapping(**{name: LabelRule(**rule) for name, rule in content.items()})


@dataclass(frozen=True, slots=True)
class Source:
    """
    `time_zone` is that of local times without one, as Zabbix writes them. An alert of the name `heartbeat`
    only shows that the source can be heard.
    """

    name: str
    kind: SourceKind
    time_zone: str
    mapping: SourceMapping
    repeat_interval: timedelta
    heartbeat: str | None
    created_by: str
    created_at: datetime
    last_heard_at: datetime | None = None
    truncated_at: datetime | None = None
    truncated_alerts: int = 0
    disabled_at: datetime | None = None

    @property
    def patience(self) -> timedelta:
        """How long it may be silent about an alert that fires."""
        return self.repeat_interval * INTERVALS_MISSED

    def is_silent(self, now: datetime) -> bool:
        return self.last_heard_at is None or now - self.last_heard_at > self.patience


@dataclass(frozen=True, slots=True)
class SourceSecrets:
    """What proves that a message is of the source: the digests of its tokens, or an encrypted secret."""

    token_digest: bytes | None = field(default=None, repr=False)
    previous_digest: bytes | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    sealed: bytes | None = field(default=None, repr=False)


def check_mapping(mapping: SourceMapping) -> None:
    """Refuse a mapping that names a severity which there is not."""
    rule = mapping.severity
    for named in [*rule.values.values(), *([rule.default] if rule.default else [])]:
        if named not in set(Severity):
            raise Invalid(
                "mapping.severity", f"{named[:60]!r} is no severity: use {', '.join(Severity)}"
            )


def hash_source_token(token: str) -> bytes:
    """Enough for a token of 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


def is_token_known(secrets: SourceSecrets, token: str, now: datetime) -> bool:
    """Whether a token is that of the source, or the one before it in the time of its overlap."""
    digest, known = hash_source_token(token), False
    if secrets.token_digest is not None:
        known = hmac.compare_digest(digest, secrets.token_digest)
    until = secrets.previous_until
    if secrets.previous_digest is not None and until is not None and now < until:
        known |= hmac.compare_digest(digest, secrets.previous_digest)
    return known
