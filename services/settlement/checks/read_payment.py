"""Read a payment as it stands."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain.access.scopes import EVERYTHING
from domain.settlement.payments import PaymentRecord


async def read_payment(database: Database, payment_id: str) -> PaymentRecord:
    async with database.autocommit() as connection:
        return await payments.get(connection, payment_id, EVERYTHING)
