"""Read the trace of one payment, from the verdict to the proof."""

from adapters.postgres.accounting import payment_traces
from adapters.postgres.database import Database, take_snapshot
from domain.accounting.payment_traces import PaymentTrace


async def trace_payment(database: Database, name: str) -> PaymentTrace:
    """Find a payment by its id, its number or a transaction hash, and return its trace as of one moment."""
    async with database.transaction() as connection:
        await take_snapshot(connection)  # all of it as of one moment, while the payment goes on
        return await payment_traces.load_trace(
            connection, await payment_traces.find_payment_id(connection, name)
        )
