"""
Confirm what our own bytes have paid and nobody posted: their workflow is over, or what it posted was lost.

The workflow of a payment posts it within a few ledgers. What the chain shows for longer is posted here
from the transfer that was read, by the same use case, so that the two may even meet.
"""

from collections.abc import Sequence
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, payments
from adapters.postgres.settlement.attempts import make_attempt
from domain.access.scopes import EVERYTHING
from domain.accounting.reconciliation import OwnTransfer, ReconciliationRun
from domain.errors import Conflict
from domain.requests import Request
from domain.settlement.attempts import AttemptOutcome, Observation, ObservedAttempt
from domain.settlement.batches import Batch, ObservedBatch
from services.settlement.batches.confirm_batch import confirm_batch
from services.settlement.payments.confirm_payment import confirm_payment

ACTOR = "reconciliation"


async def confirm_own_bytes(
    database: Database, found: Sequence[OwnTransfer], run: ReconciliationRun
) -> list[str]:
    """Return the payments that this run confirmed; what contradicts the record is left to be a break."""
    confirmed: list[str] = []
    for seen in found:
        try:
            confirmed += await _confirm(database, seen, run.at)
        except Conflict:
            continue
    return confirmed


async def _confirm(database: Database, seen: OwnTransfer, at: datetime) -> list[str]:
    async with database.autocommit() as connection:
        reservation = await attempts.get_attempt(connection, seen.lead_payment_id, seen.n)
        payment = (await payments.get(connection, seen.lead_payment_id, EVERYTHING)).payment
    if reservation is None or reservation.envelope is None or reservation.succeeded:
        return []  # its workflow was quicker
    attempt = make_attempt(reservation, reservation.envelope, resumed=True)
    shown = seen.transaction
    observation = Observation(
        AttemptOutcome.SUCCEEDED, shown.ledger, shown.closed_at, hash=shown.transaction_hash
    )
    by = Request(ACTOR, payment.correlation_id)
    if reservation.batched:
        batch = Batch(seen.lead_payment_id, seen.n)
        return await confirm_batch(database, ObservedBatch(batch, attempt, observation, at), by)
    await confirm_payment(database, ObservedAttempt(payment, attempt, observation, at), by)
    return [payment.id]
