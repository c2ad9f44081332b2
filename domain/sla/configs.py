"""
The SLA config: the terms in force of the default policy, for each severity.

A change of it is a new version of the policy, in force from that moment. A token names the terms that
somebody has seen; with it, a change is made to these terms or not at all.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from domain.digests import compute_fingerprint
from domain.errors import Conflict
from domain.sla.policies import Policy
from domain.sla.verdicts import Severity, Terms

TOKEN_LENGTH = 32


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """New terms of one severity, or of all four; `severity` says which, and None is all."""

    terms: Mapping[Severity, Terms]
    severity: Severity | None = None
    expected_token: str | None = None


def compute_token(policy: Policy, severity: Severity | None = None) -> str:
    """Return the token of the terms of one severity, or of all four: other terms have another one."""
    names = Severity if severity is None else (severity,)
    terms = {str(name): asdict(policy.terms[name]) for name in names}
    return compute_fingerprint([policy.name, terms])[:TOKEN_LENGTH]


def apply_change(policy: Policy, change: ConfigChange) -> Policy:
    """Return the policy with the new terms. Raises Conflict when others are in force than were expected."""
    token = compute_token(policy, change.severity)
    if change.expected_token is not None and change.expected_token != token:
        what = "all severities" if change.severity is None else f"severity {change.severity}"
        raise Conflict(
            f"the terms for {what} were changed meanwhile: read them and their token again, then repeat"
        )
    return replace(policy, terms={**policy.terms, **change.terms})
