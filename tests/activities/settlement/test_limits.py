"""
The gate before every signature, on the real database: of many that ask at the same moment exactly
those that fit are let go, each counts once, and what was approved is what is let go.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from activities.settlement.limits import SigningGate
from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals, payments
from adapters.postgres.tables import authorisations, spending
from adapters.postgres.tables import payments as book
from devstack.environment.stack import Stack
from domain.money import convert_to_stroops
from domain.settlement.approvals import Approval, compute_digest
from domain.settlement.limits import Limits
from domain.settlement.payments import Payment, PaymentStatus
from services.settlement.approvals.void_approvals import void_approvals_within
from tests.testkit.settlement.payment_factory import ASKER, NOW, owe_payment

MAKER, ADA, BOB = ASKER.actor, "ada", "bob"
DAYS = iter(range(1, 1000))


@pytest.fixture(scope="module")
async def wide(stack: Stack) -> AsyncIterator[Database]:
    """A pool wide enough for many to ask at the same moment."""
    book = Database(stack.environment["DATABASE_URL"], connections_max=25)
    yield book
    await book.close()


def another_day() -> datetime:
    """A day of its own for each test, so that nothing is spent on it yet."""
    return datetime(2031, 1, 1, 12, tzinfo=UTC) + timedelta(days=next(DAYS))


async def owed(database: Database, minutes: int = 5) -> Payment:
    """A payment that no workflow is about to make: by default a reward of 1500 USDC."""
    return await owe_payment(database, "GATE", minutes)


async def approved(database: Database, payment: Payment, approver: str, maker: str = MAKER) -> None:
    async with database.transaction() as connection:
        given = Approval(payment.id, approver, ["somebody", maker], compute_digest(payment), "")
        await approvals.add(connection, given, NOW)


def gate(database: Database, now: datetime, **limits: int) -> SigningGate:
    allowed = {name: convert_to_stroops(units) for name, units in limits.items()}
    return SigningGate(database, Limits(**allowed), now=lambda: now)


async def verdict(gate: SigningGate, payment: Payment) -> str:
    held = await gate.find_hold(payment)
    return "goes" if held is None else held.reason.sentence


async def spent(database: Database, now: datetime) -> dict[str, Decimal]:
    async with database.autocommit() as connection:
        rows = await connection.execute(
            select(spending.c.side, spending.c.spent_stroops).where(spending.c.day == now.date())
        )
        return {row.side: row.spent_stroops for row in rows}


@pytest.mark.parametrize("cap", ["cap_per_day", "cap_per_payee_per_day"])
async def test_of_fifty_concurrent_payments_exactly_those_that_fit_are_admitted(
    api: httpx.AsyncClient, wide: Database, cap: str
) -> None:
    owing = await asyncio.gather(*(owed(wide) for _ in range(50)))
    now = another_day()
    doors = [gate(wide, now, **{cap: 1500 * 17 + 1499}) for _ in range(2)]
    answers = await asyncio.gather(
        # Each asks twice, at the same moment, as overlapping runs of one step do.
        *(verdict(door, payment) for payment in owing for door in doors)
    )
    let_go = [pair for pair in zip(answers[::2], answers[1::2], strict=True) if "goes" in pair]
    assert len(let_go) == 17
    assert set(let_go) == {("goes", "goes")}
    assert await spent(wide, now) == dict.fromkeys(
        ["payer", "payee"], convert_to_stroops(1500 * 17)
    )


async def test_payments_in_both_directions_do_not_deadlock(
    api: httpx.AsyncClient, wide: Database
) -> None:
    """Rewards and penalties share neither treasury nor payee; the order of locks is the same."""
    owing = await asyncio.gather(*(owed(wide, 25 if n % 2 else 5) for n in range(30)))
    crossed = [
        replace(payment, to_address=owing[n - 1].to_address) for n, payment in enumerate(owing)
    ]
    door = gate(wide, another_day(), cap_per_day=10**6, cap_per_payee_per_day=10**6)
    answers = await asyncio.gather(*(verdict(door, payment) for payment in crossed))
    assert set(answers) == {"goes"}


async def test_a_payment_counts_once_on_the_day_it_is_last_admitted(
    api: httpx.AsyncClient, database: Database
) -> None:
    """Those that could not be made for days do not leave together on a day that has room for one."""
    payment, today = await owed(database), another_day()
    tomorrow = another_day()
    for _ in range(2):
        assert await verdict(gate(database, today, cap_per_day=1500), payment) == "goes"
    assert await spent(database, today) == dict.fromkeys(
        ["payer", "payee"], convert_to_stroops(1500)
    )
    other = await owed(database)
    assert "is used up" in await verdict(gate(database, today, cap_per_day=1500), other)
    assert await verdict(gate(database, tomorrow, cap_per_day=1500), other) == "goes"
    assert "is used up" in await verdict(gate(database, tomorrow, cap_per_day=1500), payment)
    assert await verdict(gate(database, tomorrow, cap_per_day=3000), payment) == "goes"
    assert await spent(database, tomorrow) == dict.fromkeys(
        ["payer", "payee"], convert_to_stroops(3000)
    )
    assert await spent(database, today) == dict.fromkeys(["payer", "payee"], Decimal(0))


async def test_a_payment_to_another_payee_counts_for_that_payee(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment, now = await owed(database), another_day()
    door = gate(database, now, cap_per_day=1500, cap_per_payee_per_day=1500)
    assert await verdict(door, payment) == "goes"
    elsewhere = replace(payment, to_address="G" + "B" * 55)
    assert await verdict(door, elsewhere) == "goes"
    async with database.autocommit() as connection:
        rows = await connection.execute(
            select(spending.c.account, spending.c.spent_stroops).where(spending.c.day == now.date())
        )
        assert {row.account: row.spent_stroops for row in rows} == {
            payment.from_address: convert_to_stroops(1500),
            payment.to_address: convert_to_stroops(1500),
            elsewhere.to_address: convert_to_stroops(1500),
        }


async def test_a_payment_put_on_hold_is_not_counted(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment, now = await owed(database), another_day()
    for limits in ({"cap_per_payment": 1499}, {"cap_per_day": 1499}, {"approval_above": 1499}):
        assert await verdict(gate(database, now, **limits), payment) != "goes"
    assert set((await spent(database, now)).values()) <= {Decimal(0)}
    async with database.autocommit() as connection:
        counted = await connection.scalar(
            select(authorisations.c.day).where(authorisations.c.payment_id == payment.id)
        )
        row = await payments.get(connection, payment.id)
    assert counted is None
    assert row["status"] == "pending"


async def test_a_limit_can_be_used_in_full(api: httpx.AsyncClient, database: Database) -> None:
    payment = await owed(database)
    exact = gate(
        database, another_day(), cap_per_payment=1500, cap_per_day=1500, approval_above=1500
    )
    assert await verdict(exact, payment) == "goes"


async def test_without_limits_and_with_the_circuit_breaker_closed_the_database_is_not_asked(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment, door = await owed(database), SigningGate(database)
    assert await door.find_hold(payment) is None
    monkeypatch.setattr(database, "autocommit", None)
    monkeypatch.setattr(database, "transaction", None)
    assert await door.find_hold(payment) is None
    assert await door.get_send_obstacle() is None


async def test_a_payment_is_admitted_after_two_approvals(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment, door = await owed(database), gate(database, another_day(), approval_above=1499)
    waits = "1500 USDC waits for approval by 2 people, "
    assert await verdict(door, payment) == waits + "0 have approved"
    await approved(database, payment, ADA)
    assert await verdict(door, payment) == waits + "1 has approved"
    await approved(database, payment, BOB)
    assert await verdict(door, payment) == "goes"


@pytest.mark.parametrize(
    "change", [{"to_address": "G" + "C" * 55}, {"amount_stroops": convert_to_stroops(1501)}]
)
async def test_an_approval_covers_only_the_payment_as_it_stood(
    api: httpx.AsyncClient, database: Database, change: dict[str, object]
) -> None:
    payment, door = await owed(database), gate(database, another_day(), approval_above=1499)
    await approved(database, payment, ADA)
    await approved(database, payment, BOB)
    other = replace(payment, **change)  # type: ignore[arg-type]
    assert "0 have approved" in await verdict(door, other)
    await approved(database, other, ADA)  # and what she approved before is void
    assert "1 has approved" in await verdict(door, other)
    assert "1 has approved" in await verdict(door, payment)


async def test_the_database_refuses_invalid_approvals_and_sums(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment = await owed(database)
    with pytest.raises(IntegrityError, match="ck_approvals_makers"):
        await approved(database, payment, MAKER)


async def test_a_payment_never_moves_back_to_an_earlier_day(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment, other, today = (
        await owed(database),
        await owed(database),
        another_day() + timedelta(days=30_000),
    )
    yesterday = today - timedelta(days=1)
    ahead, behind = (gate(database, now, cap_per_day=2000) for now in (today, yesterday))
    assert await verdict(ahead, payment) == "goes"
    before = await spent(database, today)
    # A worker whose clock is behind signs it today all the same.
    assert await verdict(behind, payment) == "goes"
    assert await spent(database, today) == before
    assert await spent(database, yesterday) == {}
    assert "cap" in await verdict(ahead, other)


async def test_a_new_address_voids_approvals_of_unsigned_payments_only(
    api: httpx.AsyncClient, database: Database
) -> None:
    unsigned, signed = await owed(database), await owed(database)
    for payment in (unsigned, signed):
        await approved(database, payment, ADA)
    async with database.transaction() as connection:
        await payments.move(connection, signed.id, PaymentStatus.PREPARED)
    ids = [unsigned.id, signed.id]
    for expected in ([unsigned.id], []):
        async with database.transaction() as connection:
            reason = "the address changed"
            assert await void_approvals_within(connection, ids, reason, NOW) == expected
    async with database.autocommit() as connection:
        given = await approvals.list_by_payment(connection, ids)
    assert [row["voided_reason"] for row in given[unsigned.id]] == ["the address changed"]
    assert [row["voided_reason"] for row in given[signed.id]] == [None]
    await back_to_pending(database, signed)


async def back_to_pending(database: Database, payment: Payment) -> None:
    """The book of all tests stays true: nothing was reserved for what only looked signed."""
    async with database.transaction() as connection:
        pending = update(book).where(book.c.id == payment.id).values(status="pending")
        await connection.execute(pending)


@pytest.mark.parametrize("status", ["prepared", "submitted"])
async def test_a_signed_payment_goes_on_whatever_the_limits_are(
    api: httpx.AsyncClient, database: Database, status: str
) -> None:
    payment, now = await owed(database), another_day()
    async with database.transaction() as connection:
        await connection.execute(update(book).where(book.c.id == payment.id).values(status=status))
    door = gate(database, now, cap_per_payment=1, cap_per_day=1, approval_above=1)
    assert await verdict(door, payment) == "goes"
    assert await spent(database, now) == {}
    await back_to_pending(database, payment)


async def test_a_withdrawn_approval_admits_nothing(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment = await owed(database)
    await approved(database, payment, ADA)
    async with database.transaction() as connection:
        await approvals.withdraw(connection, payment.id, ADA, NOW)
        standing = await approvals.lock(connection, payment.id)
    assert (standing.approvers, standing.taken) == (set(), False)
