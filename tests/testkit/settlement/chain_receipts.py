"""Payments that the chain shows as made: bytes that nobody sends, and what became of the payment."""

from typing import Any

from sqlalchemy import text

from adapters.postgres.accounting import invariants
from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, channels, payments
from adapters.stellar.rail import Rail
from domain.access.scopes import EVERYTHING
from domain.settlement.attempts import Attempt
from domain.settlement.envelopes import Envelope
from domain.settlement.payments import Payment
from services.settlement.payments.store_envelope import store_envelope
from tests.testkit.settlement.out_of_band import THEIRS

EXPIRED = Envelope("dd" * 32, "AAAA", 100, 5000, "ee" * 32, "", None)


async def read_recorded(scratch: Database, payment: Payment) -> dict[str, Any]:
    async with scratch.autocommit() as connection:
        row = await payments.get(connection, payment.id, EVERYTHING)
        trail = await read_trail(connection, f"outage/{payment.outage_id}")
        settled = await connection.scalar(
            text("SELECT count(*) FROM entries WHERE payment_id = :id AND kind = 'settlement'"),
            {"id": payment.id},
        )
    confirmations = [each for each in trail if each["action"] == "payment.confirmed_from_chain"]
    return {
        "status": row.status,
        "transaction_hash": row.transaction_hash,
        "audited": len(confirmations),
        "settled": settled,
    }


RECORDED = {"status": "confirmed", "transaction_hash": THEIRS, "audited": 1, "settled": 1}


async def assert_sound(scratch: Database) -> None:
    async with scratch.transaction() as connection:
        found = await invariants.check(connection)
    assert [each for each in found if not each.overdue] == []


async def read_channel(scratch: Database, address: str) -> tuple[int | None, str | None]:
    async with scratch.autocommit() as connection:
        found = await channels.get(connection, address)
    return found.sequence, found.payment_id


async def sign_something(scratch: Database, rail: Rail, payment: Payment) -> Attempt:
    """Store bytes for a payment, which nobody sends."""
    async with scratch.transaction() as connection:
        reservation = await attempts.reserve(connection, payment.id, rail.channels)
    assert reservation is not None
    await store_envelope(scratch, payment, reservation, EXPIRED)
    return Attempt(
        *(payment.id, reservation.n, reservation.channel, reservation.sequence, EXPIRED.max_ledger),
        *(EXPIRED.inner_hash, EXPIRED.xdr, True, EXPIRED.hash),
    )


class FaultlessRail:
    """A rail that finds no fault with any payee, and all bytes expired."""

    def __init__(self, rail: Rail) -> None:
        self.channels = rail.channels
        self.passphrase = rail.passphrase

    async def find_obstacles(self, transfers: object) -> dict[int, str]:
        return {}

    async def is_expired(self, attempt: Attempt) -> bool:
        return True

    async def is_dead(self, attempt: Attempt) -> bool:
        return True

    async def is_corroborated(self, transaction_hash: str, ledger: int) -> bool:
        return True
