"""What callers send and see of agreements and their versions."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from api.bodies import Body, Instant, Services, Text
from api.parsing import patterns
from domain.settlement.owners.wallets import check_address
from domain.sla.agreements.agreements import Agreement
from domain.sla.agreements.versions import AgreementVersion, Coverage, PublishedVersion
from domain.sla.policies import BEGINNING_OF_TIME

Address = Annotated[Text, Field(max_length=100, json_schema_extra=patterns.ADDRESS)]
PartyId = Annotated[Text, Field(max_length=64)]


class CoverageBody(Body):
    """An empty list is all of them; two empty lists cover nothing by themselves."""

    sites: Services = Field(default_factory=list)
    services: Services = Field(default_factory=list)


class VersionBody(Body):
    """
    A version to publish: it holds until the next one does, or until `effective_until`. `bond` and `pool` are the
    accounts that pay for its outages; what is left out stays as in the version before.
    """

    effective_from: Instant | None = None
    effective_until: Instant | None = None
    policy: str | None = Field(None, min_length=1, max_length=100)
    coverage: CoverageBody = Field(default_factory=CoverageBody)
    bond: Address | None = None
    pool: Address | None = None

    def version(self, agreement: str, beginning: datetime) -> AgreementVersion:
        return AgreementVersion(
            agreement,
            1,
            self.effective_from or beginning,
            self.effective_until,
            self.policy,
            Coverage(sorted(set(self.coverage.sites)), sorted(set(self.coverage.services))),
            None if self.bond is None else check_address(self.bond, "bond"),
            None if self.pool is None else check_address(self.pool, "pool"),
        )


class AgreementBody(VersionBody):
    """
    An agreement to make, with its first version. The payees are proven wallets; the treasuries `bond` and `pool` are
    accounts of its own, or left out those of the settings.
    """

    name: str = Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9-]*$")
    provider_party: PartyId
    beneficiary_party: PartyId
    provider: Address
    beneficiary: Address

    def first_version(self, beginning: datetime) -> AgreementVersion:
        """The treasuries are those of the agreement itself."""
        return replace(self.version(self.name, beginning), bond=None, pool=None)

    def agreement(self, default: Agreement) -> Agreement:
        return Agreement(
            self.name,
            bond=default.bond if self.bond is None else check_address(self.bond, "bond"),
            pool=default.pool if self.pool is None else check_address(self.pool, "pool"),
            provider=check_address(self.provider, "provider"),
            beneficiary=check_address(self.beneficiary, "beneficiary"),
            provider_party=self.provider_party,
            beneficiary_party=self.beneficiary_party,
        )


class AgreementVersionView(BaseModel):
    """`effective_from` is null for a version that holds from the beginning."""

    agreement: str
    version: int
    effective_from: datetime | None
    effective_until: datetime | None
    policy: str | None
    coverage: CoverageBody
    bond: str
    pool: str
    digest: str
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, published: PublishedVersion, made: Agreement) -> "AgreementVersionView":
        version = published.version
        since, covered = version.effective_from, version.coverage
        return cls(
            agreement=version.agreement,
            version=version.version,
            effective_from=None if since == BEGINNING_OF_TIME else since,
            effective_until=version.effective_until,
            policy=version.policy,
            coverage=CoverageBody(sites=covered.sites, services=covered.services),
            bond=version.bond or made.bond,
            pool=version.pool or made.pool,
            digest=version.digest(),
            created_by=published.created_by,
            created_at=published.created_at,
        )


class AgreementView(BaseModel):
    """
    The payout addresses are those of now; `newest` is the version that was published last, and the treasuries are its.
    """

    name: str
    provider_party: str
    beneficiary_party: str
    bond: str
    pool: str
    provider: str
    beneficiary: str
    newest: AgreementVersionView

    @classmethod
    def of(cls, agreement: Agreement, newest: PublishedVersion) -> "AgreementView":
        last = AgreementVersionView.of(newest, agreement)
        return cls(**asdict(agreement) | {"bond": last.bond, "pool": last.pool}, newest=last)
