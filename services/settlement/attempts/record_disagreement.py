"""Record on the payments of an attempt that the nodes disagree about it, or that they no longer do."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from domain import payloads
from domain.audit import make_audit_entry, make_engine_request
from domain.reasons import Reason
from domain.settlement.attempts import Attempt


@dataclass(frozen=True, slots=True)
class RecordDisagreement:
    """`reason` is what the nodes say; None when they agree again."""

    attempt: Attempt
    reason: Reason | None
    at: datetime


async def record_disagreement(database: Database, command: RecordDisagreement) -> None:
    """Write the reason to the payments, and to the audit trail; what is noted already is no news."""
    reason, attempt = command.reason, command.attempt
    async with database.transaction() as connection:
        noted = await payments.record_disagreement(connection, attempt, reason)
        if reason is None:
            return
        for payment in noted:
            payload = payloads.describe_payment(payment) | {
                "reason_code": reason.code,
                "reason": reason.sentence,
            }
            entry = make_audit_entry(
                f"outage/{payment.outage_id}",
                "payment.nodes_disagree",
                make_engine_request(payment.correlation_id),
                command.at,
                payload,
                *(payment.id, attempt.hash, reason.sentence),
            )
            await events.publish(connection, entry)
