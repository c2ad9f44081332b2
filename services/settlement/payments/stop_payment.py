"""Stop a payment: on hold by a limit, or blocked until somebody removes the obstacle."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain.access.scopes import EVERYTHING
from domain.reasons import Reason
from domain.settlement.payments import BlockPaymentInput, Payment, PaymentStatus
from services.settlement.payments.audit_entries import describe_stopped


async def stop_payment(database: Database, blocking: BlockPaymentInput) -> bool:
    """Return whether it is on record as stopped for this reason; it is not while its bytes may be applied."""
    payment, status, reason = blocking.payment, blocking.status, blocking.reason
    async with database.transaction() as connection:
        await stop_payments_within(
            connection,
            [(payment, reason)],
            status,
            blocking.at,
            blocking.dead_after,
        )
        record = await payments.get(connection, payment.id, EVERYTHING)
    return (record.status, record.reason_code) == (status, reason.code)


async def stop_payments_within(
    connection: AsyncConnection,
    stopping: Iterable[tuple[Payment, Reason]],
    status: PaymentStatus,
    at: datetime,
    dead_after: int | None = None,
) -> None:
    """
    Stop payments, each with its reason, and announce those that could be stopped. `dead_after` is the last
    ledger of their bytes, proven dead.
    """
    announcements = [
        describe_stopped(payment, status, reason, at)
        for payment, reason in stopping
        if await payments.stop(connection, payment.id, status, reason, dead_after)
    ]
    await events.publish_all(connection, announcements)
