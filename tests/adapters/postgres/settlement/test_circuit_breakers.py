"""Which payments the circuit breaker keeps on hold, among those that something else keeps."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import circuit_breakers, payments
from domain.reasons import ReasonCode
from domain.settlement.payments import PaymentStatus
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.payment_factory import owe_payment

OTHERS = (ReasonCode.CAP_PER_PAYMENT, ReasonCode.CAP_PER_DAY, ReasonCode.CAP_PER_PAYEE_PER_DAY)


async def test_a_payment_that_a_cap_keeps_is_not_the_circuit_breakers(database: Database) -> None:
    """Closing the circuit breaker does not wake it, since the cap still holds."""
    stopped = (ReasonCode.CIRCUIT_BREAKER_OPEN, *OTHERS)
    owed = {code: await owe_payment(database) for code in stopped}
    async with database.transaction() as connection:
        for code, payment in owed.items():
            reason = make_reason("not now", code)
            assert await payments.stop(connection, payment.id, PaymentStatus.ON_HOLD, reason)
        listed = await circuit_breakers.list_on_hold(connection, 1000)
        # Nobody takes them for payments that wait.
        await connection.rollback()
    assert owed[ReasonCode.CIRCUIT_BREAKER_OPEN].id in listed
    assert not {owed[code].id for code in OTHERS} & set(listed)
