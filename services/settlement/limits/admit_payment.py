"""Count a payment for today and let it go, or say what stops it."""

from datetime import date

from adapters.postgres.database import Database
from adapters.postgres.settlement import admissions
from domain.settlement.admissions import (
    check_alone,
    check_day,
    choose_day,
    compute_charges,
)
from domain.settlement.limits import Admission, AdmissionResult, Limits
from domain.settlement.payments import Payment


async def admit_payment(
    database: Database, payment: Payment, allowed: Limits, today: date
) -> AdmissionResult:
    """
    Admit a payment, or refuse it. Whoever asks at the same time waits for the sums of the day, so
    that of many exactly those that fit are let go. Asked again, it counts once.
    """
    async with database.transaction() as connection:
        case = await admissions.lock(connection, payment)
        if (stopped := check_alone(allowed, payment, case)) is not None:
            return stopped
        day = choose_day(today, case.authorised)
        moved = compute_charges(payment, day, case.authorised)
        if moved:
            spent = await admissions.lock_day(connection, payment, day)
            if (stopped := check_day(allowed, spent, moved, day)) is not None:
                return stopped
            await admissions.charge(connection, moved)
        await admissions.authorise(connection, payment, day)
    return AdmissionResult(Admission.ADMITTED)
