"""Agreements: who pays whom, and since when by which version."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.digests import compute_fingerprint
from domain.sla.agreements.parties import DEFAULT_BENEFICIARY, DEFAULT_PROVIDER


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    Who pays whom: a penalty goes from the bond to the beneficiary, a reward from the sponsor
    pool to the provider. All four are Stellar accounts (G...), of these two parties.
    """

    name: str
    bond: str
    pool: str
    provider: str
    beneficiary: str
    provider_party: str = DEFAULT_PROVIDER
    beneficiary_party: str = DEFAULT_BENEFICIARY


@dataclass(frozen=True, slots=True)
class Coverage:
    """The sites and the services that a version covers; an empty list is all of them, two are none."""

    sites: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AgreementVersion:
    """
    One version of an agreement: it holds from `effective_from` until the next one does, or until
    its own end. Without a policy an outage is judged by the one that it names, or by the default.
    """

    agreement: str
    version: int
    effective_from: datetime
    effective_until: datetime | None = None
    policy: str | None = None
    coverage: Coverage = field(default_factory=Coverage)

    def digest(self) -> str:
        """Return the SHA-256 of the whole version."""
        return compute_fingerprint(self)
