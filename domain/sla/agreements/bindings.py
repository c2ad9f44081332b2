"""
Bindings: what an outage is judged and paid by, under one agreement, for ever; and why it cannot be bound.

A `BindingTable` holds the versions and policies that many outages may need, so that each is bound without
asking the database again.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.errors import Invalid
from domain.sla.agreements.coverages import Match, choose_agreements
from domain.sla.outages import Declaration, Outage
from domain.sla.policies import Policy


@dataclass(frozen=True, slots=True)
class Binding:
    """What an outage is judged and paid by, under one agreement, for ever."""

    agreement: str
    agreement_version: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class CoveringVersion:
    """A version of an agreement, with those of its sites and services that somebody asks for."""

    agreement: str
    version: int
    policy: str | None
    effective_from: datetime
    effective_until: datetime | None
    beneficiary_party: str
    names_sites: bool
    names_services: bool
    sites: frozenset[str]
    services: frozenset[str]

    def match(self, outage: Outage) -> Match:
        return Match(
            *(self.agreement, self.version, self.policy, self.beneficiary_party),
            *(self.names_sites, self.names_services),
            outage.site_id in self.sites,
            not self.services.isdisjoint(outage.affected_services),
        )


def check_policy_of(outage: Outage, found: Match) -> None:
    if found.policy is not None and outage.policy not in (None, found.policy):
        raise Invalid(
            "policy",
            f"is {outage.policy!r}, and agreement {found.agreement!r} is judged by "
            f"{found.policy!r}: leave the policy out, or name another agreement",
        )


def check_customer_of(outage: Outage, named: Match) -> None:
    if outage.customer not in (None, named.beneficiary_party):
        raise Invalid(
            "customer",
            f"is {outage.customer!r}, and agreement {named.agreement!r} is with "
            f"{named.beneficiary_party!r}: leave the customer out, or name another agreement",
        )


def make_uncovered(outage: Outage) -> Invalid:
    return Invalid(
        "customer",
        f"{outage.customer!r} has no agreement that covers this site or these services at "
        f"{outage.detected_at.isoformat()}: name the agreement, or leave the customer out",
    )


def make_not_in_force(noun: str, name: str, at: datetime) -> Invalid:
    return Invalid(noun, f"no version of {noun} {name!r} is in force at {at.isoformat()}")


class BindingTable:
    """Binds as the use case of one outage does; each sequence is in the order of `effective_from`."""

    def __init__(
        self,
        versions: Mapping[str, Sequence[CoveringVersion]],
        policies: Mapping[str, Sequence[Policy]],
    ) -> None:
        self._versions, self._policies = versions, policies
        self._by_coverage = defaultdict[tuple[str, str | None], set[str]](set)
        for name, found in versions.items():
            for each in found:
                for site in each.sites:
                    self._by_coverage["site", site].add(name)
                for service in each.services:
                    self._by_coverage["service", service].add(name)
        self._begins = {
            name: [each.effective_from for each in found] for name, found in versions.items()
        }
        self._policy_begins = {
            name: [each.effective_from for each in found] for name, found in policies.items()
        }

    def bind(self, declaration: Declaration) -> list[Binding]:
        """Return a binding to each agreement of an outage. Raises Invalid where it contradicts one."""
        outage, bindings = declaration.outage, list[Binding]()
        for found in self._find(declaration):
            check_policy_of(outage, found)
            policy = self._get_policy(found.policy or declaration.policy, outage.detected_at)
            bindings.append(Binding(found.agreement, found.version, policy))
        return bindings

    def _find(self, declaration: Declaration) -> list[Match]:
        outage = declaration.outage
        if outage.agreement is not None:
            named = self._get_in_force(outage.agreement, outage)
            check_customer_of(outage, named)
            return [named]
        matches = list(self._list_matches(outage, declaration.agreement))
        if found := choose_agreements(matches, declaration.agreement, outage.customer):
            return found
        if outage.customer is None:
            return [self._get_in_force(declaration.agreement, outage)]
        raise make_uncovered(outage)

    def _list_matches(self, outage: Outage, fallback: str) -> Iterator[Match]:
        names = {fallback, *self._by_coverage.get(("site", outage.site_id), ())}
        for service in outage.affected_services:
            names.update(self._by_coverage.get(("service", service), ()))
        for name in names:
            version = self._find_version(name, outage.detected_at)
            if version is None:
                continue
            match = version.match(outage)
            if name == fallback or match.site_matches or match.service_matches:
                yield match

    def _find_version(self, name: str, at: datetime) -> CoveringVersion | None:
        place = bisect_right(self._begins.get(name, ()), at)
        if not place:
            return None
        version = self._versions[name][place - 1]
        ended = version.effective_until is not None and version.effective_until <= at
        return None if ended else version

    def _get_in_force(self, name: str, outage: Outage) -> Match:
        version = self._find_version(name, outage.detected_at)
        if version is None:
            raise make_not_in_force("agreement", name, outage.detected_at)
        return version.match(outage)

    def _get_policy(self, name: str, at: datetime) -> Policy:
        place = bisect_right(self._policy_begins.get(name, ()), at)
        if not place:
            raise make_not_in_force("policy", name, at)
        return self._policies[name][place - 1]
