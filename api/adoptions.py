"""/payments/{id}/adoption: a person says that a transfer made by hand is the payment."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters import temporal
from adapters.postgres import adoptions, events, ledger
from adapters.postgres.payments import payment_of
from api import commands
from api.bodies import Body, Text
from api.dependencies import Asked, Caller, Database, Running, get_admin
from api.responses import problems
from domain import evidence
from domain.adoptions import LEADER, NOTE_MAX, Adoption, ByHand, check_adoption
from domain.audit import leaf
from domain.errors import Conflict, Invalid
from domain.events import EventType, event
from domain.ledger import spent
from domain.outages import Request
from domain.payments import Payment

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


@router.post(
    "/{payment_id}/adoption",
    status_code=201,
    dependencies=[Depends(get_admin)],
    responses=problems(404, 409),
)
async def adopt_transfer(
    payment_id: PaymentId, body: AdoptionBody, engine: Running, asked: Asked
) -> AdoptionView:
    """
    Take a transfer that was made by hand for the payment whose number it carries (admin).

    It must be exactly what is owed, out of the treasury that owes it; reconciliation has to have read it.
    """
    at = datetime.now(UTC)
    async with engine.database.transaction() as connection:
        row, rides = await adoptions.lock(connection, payment_id)
        payment = payment_of(row)
        made = await _made(connection, payment, body.transaction_hash)
        deliveries = list[str]()
        if not made.adopted:
            if row["transaction_hash"] is not None:
                raise Conflict(f"payment {payment_id} is confirmed by {row['transaction_hash']}")
            check_adoption(payment, row["status"], rides, made)
            adoption = Adoption(payment_id, made.position, asked.actor, body.note, at)
            deliveries = await _adopt(connection, payment, adoption, made, asked)
        view = await _view(connection, payment_id, made)
    await temporal.start_deliveries(engine.temporal, deliveries)
    await commands.retry_payment(engine, payment_id)
    return view


async def _made(connection: AsyncConnection, payment: Payment, hash_: str) -> ByHand:
    for made in await adoptions.by_hand(connection, [payment.id]):
        if made.transaction_hash == hash_:
            return made
    raise Invalid(
        "transaction_hash",
        f"reconciliation has not read a transfer number {payment.number} out of a treasury in it that the "
        "engine did not make, or its break was closed with suspense",
    )


async def _adopt(
    connection: AsyncConnection, payment: Payment, adoption: Adoption, made: ByHand, asked: Request
) -> list[str]:
    await adoptions.adopt(connection, adoption, made)
    await ledger.book_many(connection, spent(payment, made.transaction_hash, 0, LEADER))
    proof = evidence.of_receipt(made.transaction_hash, made.ledger, 0, made.closed_at)
    facts = evidence.of_payment(payment) | proof
    by_hand = {"adopted_by": adoption.adopted_by, "note": adoption.note}
    outage_id = payment.outage_id
    return await events.publish(
        connection,
        leaf(
            f"outage/{outage_id}",
            "payment.adopted",
            asked,
            adoption.at,
            facts | by_hand,
            payment.id,
        ),
        # The same event as of any other payment, since there is one of them for each.
        event(EventType.PAYMENT_PROCESSED, outage_id, adoption.at, facts, payment.id),
    )


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
