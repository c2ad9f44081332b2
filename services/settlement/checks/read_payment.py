"""Read a payment as it stands: before anything is reserved for it, and once more before anything is signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from adapters.postgres.database import Database
from adapters.postgres.settlement import admissions, manual_matches
from domain.settlement.limits import Limits
from domain.settlement.payments import Payment, PaymentRecord


@dataclass(frozen=True, slots=True)
class StandingRecord:
    """Whether a party may have moved since it is owed, and whether any transfer on the chain bears its number, or that of another verdict."""

    record: PaymentRecord
    moved: bool
    named: bool


@dataclass(frozen=True, slots=True)
class SignablePayment:
    """Whether it is admitted as it was asked for, and whether any transfer on the chain bears such a number."""

    record: PaymentRecord
    admitted: bool
    named: bool


async def read_payment(
    database: Database, payment_id: str, at: datetime, others: Sequence[int] = ()
) -> StandingRecord:
    async with database.autocommit() as connection:
        found = await manual_matches.get_standing(connection, payment_id, at, others)
    return StandingRecord(*found)


async def read_signable(
    database: Database, payment: Payment, allowed: Limits, today: date, others: Sequence[int]
) -> SignablePayment:
    """Read a payment for which a channel is reserved: nothing of it is voided or redirected from then on."""
    async with database.autocommit() as connection:
        found = await admissions.get_signable(connection, payment, allowed, today, others)
    return SignablePayment(*found)
