"""The SLA configuration of each severity, its limits, and the hash over all four.

Written from the contract's description alone, so that an implementation that is compared with it
is compared with something independent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stellar_sandbox.calculator.contract_errors import SLAError, build_failure

SEVERITIES = ("critical", "high", "medium", "low")


class SLAConfig(NamedTuple):
    threshold_minutes: int
    penalty_per_minute: int
    reward_base: int


class Bounds(NamedTuple):
    threshold_max: int
    penalty_min: int
    penalty_max: int


DEFAULTS = {
    "critical": SLAConfig(15, 100, 750),
    "high": SLAConfig(30, 50, 750),
    "medium": SLAConfig(60, 25, 750),
    "low": SLAConfig(120, 10, 600),
}
BOUNDS = {
    "critical": Bounds(60, 50, 10_000),
    "high": Bounds(120, 25, 10_000),
    "medium": Bounds(240, 10, 10_000),
    "low": Bounds(1_440, 1, 100),
}

BASE, MODULUS, SALT = 91_138_233, 2**63 - 25, 0x9E37_79B9_7F4A_7C15
U64 = 2**64


def compute_config_hash(config: Mapping[str, SLAConfig]) -> int:
    """Hash the twelve numbers; every product and sum wraps at 64 bits before the modulus."""
    value = power = 1
    for severity in SEVERITIES:
        for number in config[severity]:
            mixed = (value * BASE % U64 + number % U64) % U64
            value = mixed * power % U64 % MODULUS
            power = power * BASE % U64 % MODULUS
    return (value * BASE % U64 + SALT) % U64 % MODULUS


def check_canonical(severity: str, terms: SLAConfig, config: Mapping[str, SLAConfig]) -> None:
    """Check what `set_config` checks, in its order."""
    if severity not in SEVERITIES:
        raise build_failure(SLAError.INVALID_SEVERITY)
    _check_ranges(terms)
    bounds = BOUNDS[severity]
    if terms.threshold_minutes > bounds.threshold_max:
        raise build_failure(SLAError.INVALID_THRESHOLD)
    if not bounds.penalty_min <= terms.penalty_per_minute <= bounds.penalty_max:
        raise build_failure(SLAError.INVALID_PENALTY)
    _check_proportion(terms)
    _check_order(severity, terms.penalty_per_minute, config)


def check_custom(severity: str, terms: SLAConfig) -> None:
    if severity in SEVERITIES:
        raise build_failure(SLAError.INVALID_SEVERITY)
    _check_ranges(terms)
    _check_proportion(terms)


def _check_ranges(terms: SLAConfig) -> None:
    if not 1 <= terms.threshold_minutes <= 1_440:
        raise build_failure(SLAError.INVALID_THRESHOLD)
    if not 1 <= terms.penalty_per_minute <= 10_000:
        raise build_failure(SLAError.INVALID_PENALTY)
    if not 1 <= terms.reward_base <= 100_000:
        raise build_failure(SLAError.INVALID_REWARD)


def _check_proportion(terms: SLAConfig) -> None:
    if 3 * terms.penalty_per_minute >= 2 * terms.reward_base:
        raise build_failure(SLAError.INVALID_REWARD)


def _check_order(severity: str, penalty: int, config: Mapping[str, SLAConfig]) -> None:
    """Compare only with the severities next to the one that is set; `low` is compared with none."""
    if severity == "low":
        return
    place = SEVERITIES.index(severity)
    lighter = config[SEVERITIES[place + 1]].penalty_per_minute
    graver = config[SEVERITIES[place - 1]].penalty_per_minute if place else None
    if penalty < lighter or (graver is not None and penalty > graver):
        raise build_failure(SLAError.INVALID_PENALTY)
