"""Record the answer to a send; from the first one on a payment is submitted."""

from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import envelopes
from domain.settlement.attempts import Attempt
from domain.settlement.envelopes import SendAnswer
from services.settlement.payments.audit_entries import describe_submitted


async def record_submission(
    database: Database, attempt: Attempt, answer: SendAnswer, at: datetime
) -> None:
    """Announce the payments that this submits; none by bytes that move no money."""
    async with database.transaction() as connection:
        submitted = await envelopes.record_submission(connection, attempt, answer)
        if submitted and attempt.noop_reason_code is None:
            announced = [describe_submitted(payment, attempt, at) for payment in submitted]
            await events.publish_all(connection, announced)
