"""/payments/{id}/manual-match: a person says that a transfer made out of band is the payment."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from api import commands
from api.access.permissions import require
from api.access.scopes import PaymentScope
from api.bodies import Body, Text
from api.dependencies import Asked, Database, Running, UpdateId
from api.responses import declare_problems
from domain.access.permissions import Permission
from domain.access.scopes import EVERYTHING
from domain.settlement.manual_matches import NOTE_MAX, MatchTransferRequest
from services.settlement.payments.read_manual_match import read_manual_match

router = APIRouter(prefix="/payments", tags=["manual_matches"])
PaymentId = Annotated[Text, Path(max_length=64)]


class ManualMatchBody(Body):
    """The transaction that paid it, and how that came about."""

    transaction_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    note: str = Field(min_length=1, max_length=NOTE_MAX)


class ManualMatchView(BaseModel):
    payment_id: str
    transaction_hash: str
    ledger: int
    matched_by: str
    matched_at: datetime
    note: str


@router.post(
    "/{payment_id}/manual-match",
    dependencies=[require(Permission.PAYMENTS_MATCH)],
    status_code=201,
    responses=declare_problems(403, 404, 409),
)
async def match_transfer(
    payment_id: PaymentId,
    body: ManualMatchBody,
    engine: Running,
    asked: Asked,
    update_id: UpdateId,
) -> ManualMatchView:
    """
    Take a transfer that was made out of band for the payment whose number it carries (admin).

    It must be exactly what is owed, out of the treasury that owes it; reconciliation has to have read it.
    """
    wanted = MatchTransferRequest(body.transaction_hash, body.note, asked)
    await commands.match_transfer(engine, payment_id, wanted, update_id)
    matched = await show_manual_match(payment_id, engine.database, EVERYTHING)
    assert matched is not None, "it was matched above"
    return matched


@router.get("/{payment_id}/manual-match")
async def show_manual_match(
    payment_id: PaymentId, database: Database, scope: PaymentScope
) -> ManualMatchView | None:
    """Show the transfer that was matched with a payment; null for one that the engine made, or still owes."""
    found = await read_manual_match(database, payment_id, scope)
    return None if found is None else ManualMatchView.model_validate(asdict(found))
