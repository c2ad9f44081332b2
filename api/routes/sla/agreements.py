"""/agreements: who pays whom, by which policy, and for which sites and services, from when until when."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from adapters.postgres.settlement import wallets
from adapters.postgres.sla.agreements import agreements, versions
from api import wallet_commands
from api.access.permissions import require
from api.bodies import Body, Instant, Services, Text
from api.dependencies import Asked, Condition, Database, Engine, Paging, Running
from api.parsing import patterns
from api.protocol.etags import set_tag
from api.responses import declare_problems
from api.views import PageView
from domain.access.permissions import Permission
from domain.settlement.wallets import Readiness, check_address
from domain.sla.agreements.agreements import (
    Agreement,
    AgreementVersion,
    Coverage,
    PublishedVersion,
)
from domain.sla.policies import BEGINNING_OF_TIME
from services.sla.agreements.create_agreement import CreateAgreement
from services.sla.agreements.create_agreement import create_agreement as create
from services.sla.agreements.publish_version import PublishVersion, publish_version

router = APIRouter(prefix="/agreements", tags=["agreements"])
READ = [require(Permission.POLICIES_READ)]
WRITE = [require(Permission.POLICIES_WRITE)]
AgreementName = Annotated[Text, Path(max_length=100)]
Address = Annotated[Text, Field(max_length=100, json_schema_extra=patterns.ADDRESS)]
PartyId = Annotated[Text, Field(max_length=64)]


class CoverageBody(Body):
    """An empty list is all of them; two empty lists cover nothing by themselves."""

    sites: Services = Field(default_factory=list)
    services: Services = Field(default_factory=list)


class VersionBody(Body):
    """A version to publish: it holds until the next one does, or until `effective_until`."""

    effective_from: Instant | None = None
    effective_until: Instant | None = None
    policy: str | None = Field(None, min_length=1, max_length=100)
    coverage: CoverageBody = Field(default_factory=CoverageBody)

    def version(self, agreement: str, beginning: datetime) -> AgreementVersion:
        return AgreementVersion(
            agreement,
            1,
            self.effective_from or beginning,
            self.effective_until,
            self.policy,
            Coverage(sorted(set(self.coverage.sites)), sorted(set(self.coverage.services))),
        )


class AgreementBody(VersionBody):
    """
    An agreement to make, with its first version. The payees are proven wallets; the treasuries are those
    that the engine signs for, and may be left out.
    """

    name: str = Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9-]*$")
    provider_party: PartyId
    beneficiary_party: PartyId
    provider: Address
    beneficiary: Address
    bond: Address | None = None
    pool: Address | None = None

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
    digest: str
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, published: PublishedVersion) -> "AgreementVersionView":
        version = published.version
        since, covered = version.effective_from, version.coverage
        return cls(
            agreement=version.agreement,
            version=version.version,
            effective_from=None if since == BEGINNING_OF_TIME else since,
            effective_until=version.effective_until,
            policy=version.policy,
            coverage=CoverageBody(sites=covered.sites, services=covered.services),
            digest=version.digest(),
            created_by=published.created_by,
            created_at=published.created_at,
        )


class AgreementView(BaseModel):
    """The payout addresses are those of now; `newest` is the version that was published last."""

    name: str
    provider_party: str
    beneficiary_party: str
    bond: str
    pool: str
    provider: str
    beneficiary: str
    newest: AgreementVersionView


@router.post("", dependencies=WRITE, status_code=201, responses=declare_problems(404, 409))
async def create_agreement(
    body: AgreementBody, engine: Running, asked: Asked, response: Response
) -> AgreementView:
    """
    Make an agreement between two parties, with its first version. The same content again changes
    nothing; other content under its name is refused (409).
    """
    default, at = engine.settings.sla_agreement, datetime.now(UTC)
    async with engine.database.autocommit() as connection:
        wanted = body.agreement(await agreements.get_agreement(connection, default))
    first = body.version(wanted.name, BEGINNING_OF_TIME)
    read = await _read_payees(engine, [wanted.provider, wanted.beneficiary])
    await create(engine.database, CreateAgreement(wanted, first, read, default, asked, at))
    return await _show(engine, wanted.name, response)


async def _read_payees(engine: Engine, addresses: Sequence[str]) -> list[Readiness]:
    return [await wallet_commands.read_wallet(engine, each) for each in sorted(set(addresses))]


@router.get("", dependencies=READ)
async def list_agreements(
    database: Database,
    paging: Paging,
    party: Annotated[Text | None, Query(max_length=64)] = None,
) -> PageView[AgreementView]:
    """List the agreements by name, of one party or of all."""
    async with database.autocommit() as connection:
        found, total = await agreements.list_page(connection, party, paging.offset, paging.size)
        now = datetime.now(UTC)
        paid = [await wallets.get_agreement_at(connection, each, now) for each in found]
        newest = await versions.list_newest(connection, [each.name for each in found])
    return PageView(
        items=[_to_view(each, newest[each.name]) for each in paid],
        total=total,
        page=paging.number,
        page_size=paging.size,
    )


@router.get("/{agreement}", dependencies=READ, responses=declare_problems(404))
async def get_agreement(
    agreement: AgreementName, engine: Running, response: Response
) -> AgreementView:
    return await _show(engine, agreement, response)


async def _show(engine: Engine, name: str, response: Response) -> AgreementView:
    async with engine.database.autocommit() as connection:
        bound = await agreements.get_agreement(connection, name)
        paid = await wallets.get_agreement_at(connection, bound, datetime.now(UTC))
        newest = (await versions.list_newest(connection, [name]))[name]
    shown = _to_view(paid, newest)
    set_tag(response, shown, newest.version.version)
    return shown


def _to_view(agreement: Agreement, newest: PublishedVersion) -> AgreementView:
    names = ("name", "provider_party", "beneficiary_party", "bond", "pool")
    values = {each: getattr(agreement, each) for each in (*names, "provider", "beneficiary")}
    return AgreementView(**values, newest=AgreementVersionView.of(newest))


@router.get("/{agreement}/versions", dependencies=READ, responses=declare_problems(404))
async def list_versions(agreement: AgreementName, database: Database) -> list[AgreementVersionView]:
    """List every version of an agreement, the first one first."""
    async with database.autocommit() as connection:
        await agreements.get_agreement(connection, agreement)
        found = await versions.list_versions(connection, agreement)
    return [AgreementVersionView.of(each) for each in found]


@router.post(
    "/{agreement}/versions", dependencies=WRITE, status_code=201, responses=declare_problems(404)
)
async def publish_agreement_version(
    agreement: AgreementName,
    body: VersionBody,
    database: Database,
    asked: Asked,
    condition: Condition,
) -> AgreementVersionView:
    """
    Publish the next version of an agreement, from now on unless `effective_from` says otherwise. Outages
    on record keep theirs; `effective_until` ends the agreement then.
    """
    at = datetime.now(UTC)
    wanted = PublishVersion(body.version(agreement, at), asked, at, condition.get_version())
    added = await publish_version(database, wanted)
    async with database.autocommit() as connection:
        found = await versions.list_versions(connection, agreement)
    return AgreementVersionView.of(found[added.version - 1])
