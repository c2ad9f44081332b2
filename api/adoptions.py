"""/payments/{id}/adoption: a person says that a transfer made by hand is the payment."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import adoptions
from api import commands
from api.bodies import Body, Text
from api.dependencies import Admin, Asked, Caller, Database, Running, UpdateId
from api.responses import problems
from domain.adoptions import NOTE_MAX, AdoptTransferRequest, ByHand

router = APIRouter(prefix="/payments", tags=["adoptions"])
PaymentId = Annotated[Text, Path(max_length=64)]


class AdoptionBody(Body):
    """The transaction that paid it, and how that came about."""

    transaction_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    note: str = Field(min_length=1, max_length=NOTE_MAX)


class AdoptionView(BaseModel):
    payment_id: str
    transaction_hash: str
    ledger: int
    adopted_by: str
    adopted_at: datetime
    note: str


@router.post("/{payment_id}/adoption", status_code=201, responses=problems(403, 404, 409))
async def adopt_transfer(
    payment_id: PaymentId,
    body: AdoptionBody,
    engine: Running,
    admin: Admin,
    asked: Asked,
    update_id: UpdateId,
) -> AdoptionView:
    """
    Take a transfer that was made by hand for the payment whose number it carries (admin).

    It must be exactly what is owed, out of the treasury that owes it; reconciliation has to have read it.
    """
    wanted = AdoptTransferRequest(body.transaction_hash, body.note, asked)
    await commands.adopt_transfer(engine, payment_id, wanted, update_id)
    adopted = await show_adoption(payment_id, engine.database, admin)
    assert adopted is not None, "it was adopted above"
    return adopted


@router.get("/{payment_id}/adoption")
async def show_adoption(
    payment_id: PaymentId, database: Database, caller: Caller
) -> AdoptionView | None:
    """Show the transfer that was adopted as a payment; null for one that the engine made, or owes."""
    async with database.autocommit() as connection:
        for made in await adoptions.by_hand(connection, [payment_id]):
            if made.adopted:
                return await _view(connection, payment_id, made)
    return None


async def _view(connection: AsyncConnection, payment_id: str, made: ByHand) -> AdoptionView:
    row = await adoptions.get(connection, payment_id)
    assert row is not None, "it was adopted above"
    return AdoptionView(
        payment_id=payment_id,
        transaction_hash=made.transaction_hash,
        ledger=made.ledger,
        adopted_by=row["adopted_by"],
        adopted_at=row["adopted_at"],
        note=row["note"],
    )
