"""/agreements: who pays whom, by which policy, and for which sites and services, from when until when."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from adapters.postgres.settlement import wallets
from adapters.postgres.sla.agreements import agreements, versions
from api import wallet_commands
from api.access.permissions import require
from api.access.scopes import TermsScope
from api.bodies import Text
from api.dependencies import Asked, Condition, CursorPaging, Database, Engine, Running
from api.protocol.etags import set_tag
from api.rendering.agreements import AgreementBody, AgreementVersionView, AgreementView, VersionBody
from api.responses import declare_problems
from api.views import CursorPageView
from domain.access.permissions import Permission
from domain.access.scopes import EVERYTHING, Scope
from domain.settlement.owners.wallets import Readiness
from domain.sla.policies import BEGINNING_OF_TIME
from services.sla.agreements.create_agreement import CreateAgreement
from services.sla.agreements.create_agreement import create_agreement as create
from services.sla.agreements.publish_version import PublishVersion, publish_version
from services.sla.agreements.read_unknown_treasuries import read_unknown_treasuries

router = APIRouter(prefix="/agreements", tags=["agreements"])
WRITE = [require(Permission.POLICIES_WRITE)]
AgreementName = Annotated[Text, Path(max_length=100)]


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
        ours = await agreements.get_agreement(connection, default, EVERYTHING)
    wanted = body.agreement(ours)
    first = body.first_version(BEGINNING_OF_TIME)
    new = await read_unknown_treasuries(engine.database, [wanted.bond, wanted.pool])
    read = await _read_accounts(engine, [wanted.provider, wanted.beneficiary])
    payers = await _read_accounts(engine, new)
    await create(engine.database, CreateAgreement(wanted, first, read, payers, asked, at))
    return await _show(engine, wanted.name, response, EVERYTHING)


async def _read_accounts(engine: Engine, addresses: Sequence[str]) -> list[Readiness]:
    return [await wallet_commands.read_wallet(engine, each) for each in sorted(set(addresses))]


@router.get("")
async def list_agreements(
    database: Database,
    paging: CursorPaging,
    scope: TermsScope,
    party: Annotated[Text | None, Query(max_length=64)] = None,
) -> CursorPageView[AgreementView]:
    """List the agreements by name, of one party or of all."""
    async with database.autocommit() as connection:
        found, total = await agreements.list_page(
            connection, party, scope, paging.find_segment("agreements", dated=False)
        )
        now = datetime.now(UTC)
        paid = [await wallets.get_agreement_at(connection, each, now) for each in found]
        newest = await versions.list_newest(connection, [each.name for each in found])
    return CursorPageView(
        items=[AgreementView.of(each, newest[each.name]) for each in paid],
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("agreements", found, "name"),
    )


@router.get("/{agreement}", responses=declare_problems(404))
async def get_agreement(
    agreement: AgreementName, engine: Running, response: Response, scope: TermsScope
) -> AgreementView:
    """Show one agreement: who is paid where now, and its newest version."""
    return await _show(engine, agreement, response, scope)


async def _show(engine: Engine, name: str, response: Response, scope: Scope) -> AgreementView:
    async with engine.database.autocommit() as connection:
        bound = await agreements.get_agreement(connection, name, scope)
        paid = await wallets.get_agreement_at(connection, bound, datetime.now(UTC))
        newest = (await versions.list_newest(connection, [name]))[name]
    shown = AgreementView.of(paid, newest)
    set_tag(response, shown, newest.version.version)
    return shown


@router.get("/{agreement}/versions", responses=declare_problems(404))
async def list_versions(
    agreement: AgreementName, database: Database, scope: TermsScope
) -> list[AgreementVersionView]:
    """List every version of an agreement, the first one first."""
    async with database.autocommit() as connection:
        made = await agreements.get_agreement(connection, agreement, scope)
        found = await versions.list_versions(connection, agreement)
    return [AgreementVersionView.of(each, made) for each in found]


@router.post(
    "/{agreement}/versions",
    dependencies=WRITE,
    status_code=201,
    responses=declare_problems(404, 409),
)
async def publish_agreement_version(
    agreement: AgreementName,
    body: VersionBody,
    engine: Running,
    asked: Asked,
    condition: Condition,
) -> AgreementVersionView:
    """
    Publish the next version of an agreement, from now on unless `effective_from` says otherwise. Outages
    on record keep theirs, and are paid from the treasuries of theirs; `effective_until` ends the agreement then.
    """
    at = datetime.now(UTC)
    version = body.version(agreement, at)
    payers = await _read_accounts(
        engine, await read_unknown_treasuries(engine.database, [version.bond, version.pool])
    )
    wanted = PublishVersion(version, asked, at, condition.get_version(), payers)
    added = await publish_version(engine.database, wanted)
    async with engine.database.autocommit() as connection:
        made = await agreements.get_agreement(connection, agreement, EVERYTHING)
        found = await versions.list_versions(connection, agreement)
    return AgreementVersionView.of(found[added.version - 1], made)
