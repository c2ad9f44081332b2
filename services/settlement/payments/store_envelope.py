"""Store signed bytes, and reserve the money, before the first of them leaves the process."""

from sqlalchemy.ext.asyncio import AsyncConnection

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
    reserved = make_reservation(payment, reservation.n)
    async with database.transaction(durable=True) as connection:
        made = envelopes.make_storing(reservation, envelope)
        stored = await journal.change(connection, made, [reserved])
        if stored is None:
            newest = await envelopes.get_newest(connection, reservation)
            await journal.post_entry(connection, reserved)
            return newest
        # A reservation that was given back may have been made again, under the same name, after the payee
        # had moved: what is stored for it pays the present address.
        if envelope.noop_reason_code is None:
            known = (stored["from_address"], stored["to_address"])
            if known == (None, None):
                known = await _read_addresses(connection, payment.id)
            if known != (payment.from_address, payment.to_address):
                raise TryAgain(f"payment {payment.id} has other addresses by now; read it again")
    return envelope


async def _read_addresses(connection: AsyncConnection, payment_id: str) -> tuple[str, str]:
    """Return between whom a payment is made, of which this envelope is not the first."""
    found = (await payments.get(connection, payment_id, EVERYTHING)).payment
    return found.from_address, found.to_address
