"""Coverages: which outages an agreement's version is about, and which of several agreements comes first."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """
    A version in force when an outage was detected: whether it names sites and services at all, and
    whether it names those of the outage.
    """

    agreement: str
    version: int
    policy: str | None
    beneficiary_party: str
    names_sites: bool
    names_services: bool
    site_matches: bool
    service_matches: bool

    @property
    def covers(self) -> bool:
        """Whether it covers the outage; a version that names nothing is only ever named, or the fallback."""
        if not (self.names_sites or self.names_services):
            return False
        at_site = self.site_matches or not self.names_sites
        of_service = self.service_matches or not self.names_services
        return at_site and of_service


def choose_agreements(
    matches: Sequence[Match], fallback: str, customer: str | None = None
) -> list[Match]:
    """
    Return the versions that an outage is bound to: all that cover it, the most specific first, then by
    name; the fallback when none does. With a customer only what is theirs; so none may be left.
    """
    theirs = [each for each in matches if customer in (None, each.beneficiary_party)]
    covering = sorted((each for each in theirs if each.covers), key=_rank)
    return covering or [each for each in theirs if each.agreement == fallback]


def _rank(match: Match) -> tuple[bool, bool, str]:
    both = match.names_sites and match.names_services
    return (not both, not match.names_sites, match.agreement)
