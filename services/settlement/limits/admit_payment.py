"""Count a payment for today and let it go, or say what stops it."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.settlement import admissions
from domain.settlement.admissions import (
    Authorisation,
    check_alone,
    check_day,
    choose_day,
    compute_charges,
)
from domain.settlement.limits import Admission, AdmissionResult, Limits
from domain.settlement.payments import Payment


class _OverLimit(Exception):
    """Rolls back what counted a payment that does not fit into its day."""

    def __init__(self, stopped: AdmissionResult) -> None:
        super().__init__(stopped)
        self.stopped = stopped


async def admit_payment(
    database: Database, payment: Payment, allowed: Limits, today: date
) -> AdmissionResult:
    """
    Admit a payment, or refuse it. Whoever asks at the same time waits for the sums of the day, so
    that of many exactly those that fit are let go. Asked again, it counts once.
    """
    try:
        async with database.transaction() as connection:
            case = await admissions.lock(connection, payment)
            if (stopped := check_alone(allowed, payment, case)) is not None:
                return stopped
            if case.authorised is None:
                await _admit_first(connection, payment, allowed, today)
            else:
                await _admit_again(connection, payment, allowed, today, case.authorised)
    except _OverLimit as over:
        return over.stopped
    return AdmissionResult(Admission.ADMITTED)


async def _admit_first(
    connection: AsyncConnection, payment: Payment, allowed: Limits, today: date
) -> None:
    """Count a payment that no day has counted: it is counted first and looked at then, which takes one statement."""
    moved = compute_charges(payment, today, None)
    spent = await admissions.admit_first(connection, payment, today)
    if (stopped := check_day(allowed, spent, moved, today)) is not None:
        raise _OverLimit(stopped)


async def _admit_again(
    connection: AsyncConnection,
    payment: Payment,
    allowed: Limits,
    today: date,
    authorised: Authorisation,
) -> None:
    """Count a payment for a later day or another payee than it was admitted for before."""
    day = choose_day(today, authorised)
    if moved := compute_charges(payment, day, authorised):
        spent = await admissions.lock_day(connection, payment, day)
        if (stopped := check_day(allowed, spent, moved, day)) is not None:
            raise _OverLimit(stopped)
        await admissions.charge(connection, moved)
    await admissions.authorise(connection, payment, day)
