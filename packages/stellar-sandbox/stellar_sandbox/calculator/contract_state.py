"""Everything the calculator keeps: one entry of the ledger, read and written whole at each call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stellar_sandbox.calculator.sla_config import DEFAULTS, Terms

STORAGE_VERSION = 1
RETENTION_DEFAULT = 1_000


class Result(NamedTuple):
    """One calculation as it is kept; severity, operator and payee are not part of it."""

    outage_id: str
    status: str
    mttr_minutes: int
    threshold_minutes: int
    amount: int
    payment_type: str
    rating: str
    config_version_hash: int
    recorded_at: int


class Stats(NamedTuple):
    """Totals over every calculation, not over outages; penalties are positive."""

    total_calculations: int = 0
    total_violations: int = 0
    total_rewards: int = 0
    total_penalties: int = 0


class Pause(NamedTuple):
    reason: bytes
    paused_at: int
    paused_by: str


class Lane(NamedTuple):
    """The telemetry of one severity."""

    calculations: int = 0
    violations: int = 0
    calculated_at: int = 0
    violated_at: int = 0


NO_STATS = Stats()
NO_LANES = (Lane(), Lane(), Lane(), Lane())


@dataclass(frozen=True)
class Book:
    """Never changed in place: a call that succeeds writes the next one."""

    version: int
    admin: str | None
    operator: str | None
    config: Mapping[str, Terms]
    custom: Mapping[str, Terms] = field(default_factory=dict)
    pending_admin: str | None = None
    pending_operator: str | None = None
    paused: bool = False
    pause: Pause | None = None
    frozen: bool = False
    stats: Stats = NO_STATS
    lanes: tuple[Lane, Lane, Lane, Lane] = NO_LANES
    history: tuple[Result, ...] = ()
    retention: int | None = None
    updated_ledger: int | None = None

    @property
    def retention_limit(self) -> int:
        return RETENTION_DEFAULT if self.retention is None else self.retention

    def of_outage(self, outage_id: str) -> list[Result]:
        return [result for result in self.history if result.outage_id == outage_id]


def opened(admin: str, operator: str, retention: int | None = None) -> Book:
    """The book as `initialize` leaves it; a limit is what `set_retention_limit` then adds."""
    return Book(STORAGE_VERSION, admin, operator, dict(DEFAULTS), retention=retention)
