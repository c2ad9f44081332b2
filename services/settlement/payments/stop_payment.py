"""Let a payment wait: for a limit, or until somebody changes what stands in its way."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain.reasons import Reason
from domain.settlement.payments import BlockPaymentInput, Payment, PaymentStatus
from services.settlement.payments.audit_entries import describe_stopped


async def stop_payment(database: Database, parking: BlockPaymentInput) -> list[str]:
    """Stop a payment, and return the deliveries that tell of it."""
    held = [(parking.payment, parking.reason)]
    async with database.transaction() as connection:
        return await stop_payments_within(
            connection, held, parking.status, parking.at, parking.dead_after
        )


async def stop_payments_within(
    connection: AsyncConnection,
    held: Iterable[tuple[Payment, Reason]],
    status: PaymentStatus,
    at: datetime,
    dead_after: int | None = None,
) -> list[str]:
    """
    Stop payments, each with its reason; return the deliveries that tell of it: none of what could
    not be stopped. `dead_after` is the last ledger of the bytes they ride with, proven dead.
    """
    told = [
        describe_stopped(payment, status, reason, at)
        for payment, reason in held
        if await payments.stop(connection, payment.id, status, reason, dead_after)
    ]
    return await events.publish_all(connection, told)
