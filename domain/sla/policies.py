"""
Policies: the versioned terms that an outage is judged by, and the rules for a version.

A version holds from `effective_from`; an outage is bound to the version in force when it was
detected, for ever. The bounds and the hash are the SLA calculator contract's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.digests import compute_fingerprint
from domain.errors import Invalid
from domain.sla.verdicts import Severity, Terms

BEGINNING_OF_TIME = datetime(1, 1, 1, tzinfo=UTC)
WINDOW_SECONDS_MAX = 90 * 86_400

_MASK = 2**64 - 1
_HASH_BASE, _HASH_MODULUS, _HASH_SALT = 91_138_233, 2**63 - 25, 0x9E3779B97F4A7C15


class TermsRefused(Invalid):
    """The contract would refuse these terms with error `contract_code`."""

    def __init__(self, contract_code: int, field: str, message: str) -> None:
        super().__init__(field, message)
        self.contract_code = contract_code


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of one policy: terms per severity and the time limits of a dispute."""

    name: str
    version: int
    effective_from: datetime
    dispute_window_seconds: int
    decision_window_seconds: int
    terms: dict[Severity, Terms]

    def terms_hash(self) -> int:
        """Return the contract's 64-bit hash of the four severities' terms."""
        return hash_terms(self.terms)

    def digest(self) -> str:
        """Return the SHA-256 of the whole version; this, not `terms_hash`, is a commitment."""
        return compute_fingerprint(self)


def hash_terms(terms: Mapping[Severity, Terms]) -> int:
    """Hash the terms exactly as the contract does (wrapping at 64 bits before each modulus)."""
    digest, power = 1, 1
    for severity in Severity:
        entry = terms[severity]
        for field in (entry.threshold_minutes, entry.penalty_per_minute, entry.reward_base):
            mixed = ((digest * _HASH_BASE & _MASK) + (field & _MASK)) & _MASK
            digest = (mixed * power & _MASK) % _HASH_MODULUS
            power = (power * _HASH_BASE & _MASK) % _HASH_MODULUS
    return ((digest * _HASH_BASE & _MASK) + _HASH_SALT & _MASK) % _HASH_MODULUS


# severity: highest threshold, lowest penalty, highest penalty
_BOUNDS = {
    Severity.CRITICAL: (60, 50, 10_000),
    Severity.HIGH: (120, 25, 10_000),
    Severity.MEDIUM: (240, 10, 10_000),
    Severity.LOW: (1440, 1, 100),
}


def check_terms(severity: str, terms: Terms, *, custom: bool = False) -> None:
    """
    Hold one severity's terms to the contract's bounds, in the contract's order.

    `custom` is for a severity beyond the four, which knows only the general bounds.
    """
    if custom == (severity in set(Severity)):
        raise TermsRefused(11, "severity", f"{severity!r} is not critical, high, medium or low")
    _check_general(terms)
    if not custom:
        _check_severity(Severity(severity), terms)
    if 3 * terms.penalty_per_minute >= 2 * terms.reward_base:
        raise TermsRefused(10, "reward_base", "must be more than 1.5 times the penalty per minute")


def _check_general(terms: Terms) -> None:
    if not 1 <= terms.threshold_minutes <= 1440:
        raise TermsRefused(8, "threshold_minutes", "must be 1 to 1440 minutes")
    if not 1 <= terms.penalty_per_minute <= 10_000:
        raise TermsRefused(9, "penalty_per_minute", "must be 1 to 10000 units")
    if not 1 <= terms.reward_base <= 100_000:
        raise TermsRefused(10, "reward_base", "must be 1 to 100000 units")


def _check_severity(severity: Severity, terms: Terms) -> None:
    threshold_max, penalty_min, penalty_max = _BOUNDS[severity]
    if terms.threshold_minutes > threshold_max:
        raise TermsRefused(
            8, "threshold_minutes", f"must be at most {threshold_max} for {severity}"
        )
    if not penalty_min <= terms.penalty_per_minute <= penalty_max:
        raise TermsRefused(
            9, "penalty_per_minute", f"must be {penalty_min} to {penalty_max} for {severity}"
        )


def check_ordering(terms: Mapping[Severity, Terms]) -> None:
    """A graver outage never costs less per minute than a lighter one."""
    for graver, lighter in (
        (Severity.CRITICAL, Severity.HIGH),
        (Severity.HIGH, Severity.MEDIUM),
        (Severity.MEDIUM, Severity.LOW),
    ):
        if terms[graver].penalty_per_minute < terms[lighter].penalty_per_minute:
            raise TermsRefused(
                9, f"terms.{graver}.penalty_per_minute", f"must not be below {lighter}'s"
            )


def check_policy(policy: Policy) -> None:
    """Refuse a version that breaks any rule; name the field."""
    if set(policy.terms) != set(Severity):
        raise Invalid("terms", "must hold exactly critical, high, medium and low")
    for severity, terms in policy.terms.items():
        check_terms(severity, terms)
    check_ordering(policy.terms)
    for field in ("dispute_window_seconds", "decision_window_seconds"):
        seconds = getattr(policy, field)
        if not 0 <= seconds <= WINDOW_SECONDS_MAX:
            raise Invalid(field, f"must be 0 to {WINDOW_SECONDS_MAX} seconds")
