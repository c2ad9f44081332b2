"""Store the signed bytes of a batch, and reserve its money, before the first of them leaves."""

from collections.abc import Sequence

from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, envelopes
from adapters.postgres.settlement.attempts import Reservation
from domain.accounting.journal import make_reservation
from domain.errors import TryAgain
from domain.settlement.allocations import Transfer
from domain.settlement.batches import Batch
from domain.settlement.envelopes import Envelope


async def store_batch_envelope(
    database: Database,
    batch: Batch,
    reservation: Reservation,
    envelope: Envelope,
    transfers: Sequence[Transfer],
) -> Envelope:
    """Return what is stored: these bytes, or those that another run stored meanwhile."""
    async with database.transaction(durable=True) as connection:
        stored = await envelopes.store(connection, reservation, envelope)
        members, current_transfers = await allocations.get_members(connection, batch)
        # A released attempt may have been formed again, under the same name, for
        # others: what is stored for it pays its present members.
        if (
            stored.is_new
            and envelope.noop_reason_code is None
            and current_transfers != list(transfers)
        ):
            raise TryAgain(f"batch {batch.id} has other payments by now; read it again")
        reserved = [
            make_reservation(member, batch.n, batch.lead_payment_id) for member in members.values()
        ]
        await journal.post_entries(connection, reserved)
    return stored.envelope
