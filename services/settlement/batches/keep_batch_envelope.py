"""Keep the signed bytes of a batch, and reserve its money, before the first of them leaves."""

from collections.abc import Sequence

from adapters.postgres import envelopes, ledger, shares
from adapters.postgres.attempts import Reservation
from adapters.postgres.database import Database
from domain.batches import Batch
from domain.envelopes import Envelope
from domain.errors import TryAgain
from domain.ledger import reservation
from domain.shares import Transfer


async def keep_batch_envelope(
    database: Database,
    batch: Batch,
    held: Reservation,
    envelope: Envelope,
    riding: Sequence[Transfer],
) -> Envelope:
    """Return what is stored: these bytes, or those that another run stored meanwhile."""
    async with database.transaction() as connection:
        stored = await envelopes.store(connection, held, envelope)
        riders, now_riding = await shares.riding(connection, batch)
        # An attempt that was given back may have been begun again, under the same name, for
        # others: what is stored for it pays those who ride in it.
        if stored is envelope and envelope.voids_code is None and now_riding != list(riding):
            raise TryAgain(f"batch {batch.id} has other payments by now; read it again")
        reserved = [reservation(rider, batch.n, batch.leader) for rider in riders.values()]
        await ledger.book_many(connection, reserved)
    return stored
