"""Agreements: who pays whom, and since when by which version."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.digests import compute_fingerprint
from domain.errors import Conflict, Invalid
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


def check_treasuries(wanted: Agreement, signed_for: Agreement) -> None:
    """Refuse treasuries that nobody here can pay from."""
    for role in ("bond", "pool"):
        said, known = getattr(wanted, role), getattr(signed_for, role)
        if said != known:
            raise Invalid(
                role,
                f"is {said}, and this engine signs for {known} alone, the {role} of agreement "
                f"{signed_for.name!r}: send that address, or leave it out",
            )


def check_payees(wanted: Agreement, treasuries: Collection[str]) -> None:
    """Refuse a payee that is a treasury: the transfer would be confirmed, and nobody would be paid."""
    for role in ("provider", "beneficiary"):
        check_payee(role, getattr(wanted, role), {*treasuries, wanted.bond, wanted.pool})


def check_payee(role: str, address: str, treasuries: Collection[str]) -> None:
    if address in treasuries:
        raise Conflict(
            f"{address} cannot be paid as {role}: it is a treasury of an agreement, so that nobody would "
            "get the money; name an account of the party itself"
        )
