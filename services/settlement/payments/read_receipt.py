"""Read the receipt of a payment that was confirmed by a run whose answer was lost, and whether one is signed for."""

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import webhooks
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain.events import EventType, derive_event_id
from domain.settlement.approvals import UNSIGNED
from domain.settlement.payments import Payment, PaymentStatus, Receipt


async def read_receipt(database: Database, payment: Payment) -> Receipt:
    async with database.autocommit() as connection:
        return await _read(connection, payment, await payments.get(connection, payment.id))


async def find_receipt(database: Database, payment: Payment) -> Receipt | None:
    """Return the receipt of a payment; None while it is not confirmed."""
    async with database.autocommit() as connection:
        row = await payments.get(connection, payment.id)
        if row["status"] != PaymentStatus.CONFIRMED:
            return None
        return await _read(connection, payment, row)


async def _read(connection: AsyncConnection, payment: Payment, row: RowMapping) -> Receipt:
    processed = derive_event_id(
        EventType.PAYMENT_PROCESSED, payment.outage_id, payment.id, str(row["transaction_hash"])
    )
    return Receipt(
        payment.id,
        row["transaction_hash"],
        row["ledger"],
        row["amount_stroops"],
        row["confirmed_at"],
        await webhooks.find_deliveries(connection, processed),
    )


async def read_is_unsigned(database: Database, payment_id: str) -> bool:
    """Tell whether no bytes of a payment may be applied."""
    async with database.autocommit() as connection:
        row = await payments.get(connection, payment_id)
    return PaymentStatus(row["status"]) in UNSIGNED
