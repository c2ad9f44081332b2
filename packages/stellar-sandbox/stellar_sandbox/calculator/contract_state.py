"""The state of the calculator: one ledger entry, read and written whole at each call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stellar_sandbox.calculator.sla_config import DEFAULTS, SLAConfig

STORAGE_VERSION = 1
RETENTION_DEFAULT = 1_000


class Result(NamedTuple):
    """One stored calculation; severity, operator and payee are not part of it."""

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


class SeverityTelemetry(NamedTuple):
    """The telemetry of one severity."""

    calculations: int = 0
    violations: int = 0
    calculated_at: int = 0
    violated_at: int = 0


NO_STATS = Stats()
NO_TELEMETRY = (SeverityTelemetry(), SeverityTelemetry(), SeverityTelemetry(), SeverityTelemetry())


@dataclass(frozen=True)
class ContractState:
    """Immutable: a call that succeeds writes a new one."""

    version: int
    admin: str | None
    operator: str | None
    config: Mapping[str, SLAConfig]
    custom: Mapping[str, SLAConfig] = field(default_factory=dict)
    pending_admin: str | None = None
    pending_operator: str | None = None
    paused: bool = False
    pause: Pause | None = None
    frozen: bool = False
    stats: Stats = NO_STATS
    telemetry: tuple[SeverityTelemetry, SeverityTelemetry, SeverityTelemetry, SeverityTelemetry] = (
        NO_TELEMETRY
    )
    history: tuple[Result, ...] = ()
    retention: int | None = None
    updated_ledger: int | None = None

    @property
    def retention_limit(self) -> int:
        return RETENTION_DEFAULT if self.retention is None else self.retention

    def find_results(self, outage_id: str) -> list[Result]:
        return [result for result in self.history if result.outage_id == outage_id]


def build_initial_state(admin: str, operator: str, retention: int | None = None) -> ContractState:
    """The state after `initialize`, and after `set_retention_limit` if a limit is given."""
    return ContractState(STORAGE_VERSION, admin, operator, dict(DEFAULTS), retention=retention)
