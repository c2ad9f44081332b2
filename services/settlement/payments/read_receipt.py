"""Read the receipt of a payment that was confirmed by a run whose answer was lost, and whether one is signed for."""

from adapters.postgres import webhooks
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain.events import EventType, derive_event_id
from domain.settlement.approvals import UNSIGNED
from domain.settlement.payments import Payment, PaymentStatus, Receipt


async def read_receipt(database: Database, payment: Payment) -> Receipt:
    async with database.autocommit() as connection:
        row = await payments.get(connection, payment.id)
        key = (payment.id, str(row["transaction_hash"]))
        processed = derive_event_id(EventType.PAYMENT_PROCESSED, payment.outage_id, *key)
        deliveries = await webhooks.find_deliveries(connection, processed)
    return Receipt(
        payment.id,
        row["transaction_hash"],
        row["ledger"],
        row["amount_stroops"],
        row["confirmed_at"],
        deliveries,
    )


async def read_is_unsigned(database: Database, payment_id: str) -> bool:
    """Tell whether no bytes of a payment may be applied."""
    async with database.autocommit() as connection:
        row = await payments.get(connection, payment_id)
    return PaymentStatus(row["status"]) in UNSIGNED
