"""Read the receipt of a payment that was confirmed by a run whose answer was lost, and whether one is signed for."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict
from domain.settlement.approvals import UNSIGNED
from domain.settlement.payments import Payment, PaymentRecord, PaymentStatus, Receipt


async def read_receipt(database: Database, payment: Payment) -> Receipt:
    async with database.autocommit() as connection:
        return _read(payment, await payments.get(connection, payment.id, EVERYTHING))


async def find_receipt(database: Database, payment: Payment) -> Receipt | None:
    """Return the receipt of a payment; None while it is not confirmed."""
    async with database.autocommit() as connection:
        record = await payments.get(connection, payment.id, EVERYTHING)
        if record.status is not PaymentStatus.CONFIRMED:
            return None
        return _read(payment, record)


def _read(payment: Payment, record: PaymentRecord) -> Receipt:
    hash_, ledger, confirmed_at = record.transaction_hash, record.ledger, record.confirmed_at
    if hash_ is None or ledger is None or confirmed_at is None:
        raise Conflict(f"payment {payment.id} is {record.status}: it has no receipt")
    return Receipt(payment.id, hash_, ledger, record.payment.amount_stroops, confirmed_at)


async def read_is_unsigned(database: Database, payment_id: str) -> bool:
    """Tell whether no bytes of a payment may be applied."""
    async with database.autocommit() as connection:
        return (await payments.get(connection, payment_id, EVERYTHING)).status in UNSIGNED
