"""A payment above a limit is admitted by two approvals of it as it stands, of which none is a maker's."""

from dataclasses import replace

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals, payments
from domain.money import convert_to_stroops
from domain.settlement.approvals import Approval, compute_digest
from domain.settlement.payments import Payment, PaymentStatus
from services.settlement.approvals.void_approvals import void_approvals_within
from tests.activities.settlement.test_limits import (
    choose_day,
    describe_hold,
    make_gate,
    move_back_to_pending,
    owe,
)
from tests.testkit.settlement.payment_factory import ASKER, NOW

MAKER, ADA, BOB = ASKER.actor, "ada", "bob"


async def approve(database: Database, payment: Payment, approver: str, maker: str = MAKER) -> None:
    async with database.transaction() as connection:
        given = Approval(payment.id, approver, ["somebody", maker], compute_digest(payment), "")
        await approvals.add(connection, given, NOW)


async def test_a_payment_is_admitted_after_two_approvals(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment, door = await owe(database), make_gate(database, choose_day(), approval_above=1499)
    waits = "1500 USDC waits for approval by 2 people, "
    assert await describe_hold(door, payment) == waits + "0 have approved"
    await approve(database, payment, ADA)
    assert await describe_hold(door, payment) == waits + "1 has approved"
    await approve(database, payment, BOB)
    assert await describe_hold(door, payment) == "goes"


@pytest.mark.parametrize(
    "change", [{"to_address": "G" + "C" * 55}, {"amount_stroops": convert_to_stroops(1501)}]
)
async def test_an_approval_covers_only_the_payment_as_it_stood(
    api: httpx.AsyncClient, database: Database, change: dict[str, object]
) -> None:
    payment, door = await owe(database), make_gate(database, choose_day(), approval_above=1499)
    await approve(database, payment, ADA)
    await approve(database, payment, BOB)
    other = replace(payment, **change)  # type: ignore[arg-type]
    assert "0 have approved" in await describe_hold(door, other)
    await approve(database, other, ADA)  # and her earlier approval is voided
    assert "1 has approved" in await describe_hold(door, other)
    assert "1 has approved" in await describe_hold(door, payment)


async def test_the_database_refuses_an_approval_by_a_maker(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment = await owe(database)
    with pytest.raises(IntegrityError, match="ck_approvals_makers"):
        await approve(database, payment, MAKER)


async def test_a_new_address_voids_approvals_of_unsigned_payments_only(
    api: httpx.AsyncClient, database: Database
) -> None:
    unsigned, signed = await owe(database), await owe(database)
    for payment in (unsigned, signed):
        await approve(database, payment, ADA)
    async with database.transaction() as connection:
        await payments.move(connection, signed.id, PaymentStatus.PREPARED)
    ids = [unsigned.id, signed.id]
    for expected in ([unsigned.id], []):
        async with database.transaction() as connection:
            reason = "the address changed"
            assert await void_approvals_within(connection, ids, reason, NOW) == expected
    async with database.autocommit() as connection:
        given = await approvals.list_by_payment(connection, ids)
    assert [row.voided_reason for row in given[unsigned.id]] == ["the address changed"]
    assert [row.voided_reason for row in given[signed.id]] == [None]
    await move_back_to_pending(database, signed)


async def test_a_withdrawn_approval_admits_nothing(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment = await owe(database)
    await approve(database, payment, ADA)
    async with database.transaction() as connection:
        await approvals.withdraw(connection, payment.id, ADA, NOW)
        standing = await approvals.lock(connection, payment.id)
    assert (standing.approvers, standing.taken) == (set(), False)
