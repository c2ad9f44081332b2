"""Versions of agreements: from when until when, by which policy, and for which sites and services."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from domain.digests import compute_fingerprint
from domain.errors import Invalid

AHEAD_MAX = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The sites and the services that a version covers; an empty list is all of them, two are none."""

    sites: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AgreementVersion:
    """
    One version of an agreement: it holds from `effective_from` until the next one does, or until
    its own end. Without a policy an outage is judged by the one that it names, or by the default. `bond`
    and `pool` pay for the outages of this version; None is the treasury that the agreement was made with.
    """

    agreement: str
    version: int
    effective_from: datetime
    effective_until: datetime | None = None
    policy: str | None = None
    coverage: Coverage = field(default_factory=Coverage)
    bond: str | None = None
    pool: str | None = None

    def digest(self) -> str:
        """Return the SHA-256 of the whole version."""
        return compute_fingerprint(self)


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A version on record: who published it, and when."""

    version: AgreementVersion
    created_by: str
    created_at: datetime


def has_same_content(one: AgreementVersion, other: AgreementVersion) -> bool:
    """Return whether two versions say the same, whatever their numbers are."""
    return replace(one, version=0) == replace(other, version=0)


def check_agreement_version(version: AgreementVersion) -> None:
    """Refuse a version that is never in force, or that names a site or service of nothing."""
    until = version.effective_until
    if until is not None and until <= version.effective_from:
        raise Invalid("effective_until", "must be after effective_from")
    named = {
        "coverage.sites": version.coverage.sites,
        "coverage.services": version.coverage.services,
    }
    for field_name, values in named.items():
        if not all(value.strip() for value in values):
            raise Invalid(field_name, "must not hold an empty name")


def check_ahead(version: AgreementVersion, now: datetime) -> None:
    """Refuse a version of the far future: none could be published before it, and it cannot be taken back."""
    if version.effective_from - now > AHEAD_MAX:
        raise Invalid(
            "effective_from",
            f"must be at most {AHEAD_MAX.days} days ahead: until then no other version could be published",
        )
