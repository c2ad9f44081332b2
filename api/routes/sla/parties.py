"""/parties: the providers and customers that agreements bind."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from adapters.postgres.sla.agreements import parties
from api.access.permissions import require
from api.bodies import Body, OutageId, SiteName, Text
from api.dependencies import Asked, CursorPaging, Database
from api.responses import declare_problems
from api.views import CursorPageView
from domain.access.permissions import Permission
from domain.sla.agreements.parties import PartyKind
from services.sla.parties.create_party import CreateParty
from services.sla.parties.create_party import create_party as create

router = APIRouter(prefix="/parties", tags=["agreements"])
READ = [require(Permission.POLICIES_READ)]


class PartyBody(Body):
    """A provider or a customer, by the code that you know them by."""

    id: OutageId
    name: SiteName
    kind: PartyKind


class PartyView(BaseModel):
    id: str
    name: str
    kind: PartyKind
    created_by: str
    created_at: datetime


@router.post(
    "",
    dependencies=[require(Permission.POLICIES_WRITE)],
    status_code=201,
    responses=declare_problems(409),
)
async def create_party(body: PartyBody, database: Database, asked: Asked) -> PartyView:
    """Put a party on record. The same content again changes nothing; other content is refused (409)."""
    wanted = CreateParty(body.id, body.name, body.kind, asked, datetime.now(UTC))
    return PartyView.model_validate(asdict(await create(database, wanted)))


@router.get("", dependencies=READ)
async def list_parties(
    database: Database, paging: CursorPaging, kind: PartyKind | None = None
) -> CursorPageView[PartyView]:
    """List the parties by their ids."""
    async with database.autocommit() as connection:
        found, total = await parties.list_page(
            connection, kind, paging.find_segment("parties", dated=False)
        )
    return CursorPageView(
        items=[PartyView.model_validate(asdict(each)) for each in found],
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("parties", found, "id"),
    )


@router.get("/{party_id}", dependencies=READ, responses=declare_problems(404))
async def get_party(
    party_id: Annotated[Text, Path(max_length=64)], database: Database
) -> PartyView:
    """Show one party."""
    async with database.autocommit() as connection:
        return PartyView.model_validate(asdict(await parties.get_party(connection, party_id)))
