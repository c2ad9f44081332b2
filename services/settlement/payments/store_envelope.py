"""Store signed bytes, and reserve the money, before the first of them leaves the process."""

from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import envelopes, payments
from adapters.postgres.settlement.attempts import Reservation
from domain.access.scopes import EVERYTHING
from domain.accounting.journal import make_reservation
from domain.errors import TryAgain
from domain.settlement.envelopes import Envelope
from domain.settlement.payments import Payment


async def store_envelope(
    database: Database, payment: Payment, reservation: Reservation, envelope: Envelope
) -> Envelope:
    """
    Return what is stored: these bytes, or those that another run stored meanwhile. Raises TryAgain when they
    pay an address that is not that of the payment any more.
    """
    async with database.transaction(durable=True) as connection:
        stored = await envelopes.store(connection, reservation, envelope)
        # A reservation that was given back may have been made again, under the same name, after the payee
        # had moved: what is stored for it pays the present address.
        if stored.is_new and envelope.noop_reason_code is None:
            known = stored.addresses
            if known is None:  # it was prepared before
                now = (await payments.get(connection, payment.id, EVERYTHING)).payment
                known = now.from_address, now.to_address
            if known != (payment.from_address, payment.to_address):
                raise TryAgain(f"payment {payment.id} has other addresses by now; read it again")
        await journal.post_entry(connection, make_reservation(payment, reservation.n))
    return stored.envelope
