"""
The gate before every signature, on the real database: of many concurrent payments exactly
those that fit are admitted, each counts once, and only what was approved is admitted.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from sqlalchemy import select, update

from activities.settlement.limits import SigningGate
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.tables import authorisations, spending
from adapters.postgres.tables import payments as scratch
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.money import convert_to_stroops
from domain.settlement.limits import Limits
from domain.settlement.payments import Payment
from tests.testkit.settlement.payment_factory import owe_payment

DAYS = iter(range(1, 1000))


@pytest.fixture(scope="module")
async def wide(stack: Stack) -> AsyncIterator[Database]:
    """A pool wide enough for many to ask at the same moment."""
    scratch = Database(stack.environment["DATABASE_URL"], connections_max=25)
    yield scratch
    await scratch.close()


def choose_day() -> datetime:
    """A day of its own for each test, so that nothing is spent on it yet."""
    return datetime(2031, 1, 1, 12, tzinfo=UTC) + timedelta(days=next(DAYS))


async def owe(database: Database, minutes: int = 5) -> Payment:
    """A payment that no workflow is about to make: by default a reward of 1500 USDC."""
    return await owe_payment(database, "GATE", minutes)


def make_gate(database: Database, now: datetime, **limits: int) -> SigningGate:
    allowed = {name: convert_to_stroops(units) for name, units in limits.items()}
    return SigningGate(database, Limits(**allowed), now=lambda: now)


async def describe_hold(gate: SigningGate, payment: Payment) -> str:
    hold = await gate.find_hold(payment)
    return "goes" if hold is None else hold.reason.sentence


async def read_spent(database: Database, now: datetime) -> dict[str, Decimal]:
    async with database.autocommit() as connection:
        rows = await connection.execute(
            select(spending.c.side, spending.c.spent_stroops).where(spending.c.day == now.date())
        )
        return {row.side: row.spent_stroops for row in rows}


@pytest.mark.parametrize("cap", ["cap_per_day", "cap_per_payee_per_day"])
async def test_of_fifty_concurrent_payments_exactly_those_that_fit_are_admitted(
    api: httpx.AsyncClient, wide: Database, cap: str
) -> None:
    owing = await asyncio.gather(*(owe(wide) for _ in range(50)))
    now = choose_day()
    doors = [make_gate(wide, now, **{cap: 1500 * 17 + 1499}) for _ in range(2)]
    answers = await asyncio.gather(
        # Each asks twice at the same moment, as overlapping runs of one activity do.
        *(describe_hold(door, payment) for payment in owing for door in doors)
    )
    let_go = [pair for pair in zip(answers[::2], answers[1::2], strict=True) if "goes" in pair]
    assert len(let_go) == 17
    assert set(let_go) == {("goes", "goes")}
    assert await read_spent(wide, now) == dict.fromkeys(
        ["payer", "payee"], convert_to_stroops(1500 * 17)
    )


async def test_payments_in_both_directions_do_not_deadlock(
    api: httpx.AsyncClient, wide: Database
) -> None:
    """Rewards and penalties share neither treasury nor payee; the order of locks is the same."""
    owing = await asyncio.gather(*(owe(wide, 25 if n % 2 else 5) for n in range(30)))
    crossed = [
        replace(payment, to_address=owing[n - 1].to_address) for n, payment in enumerate(owing)
    ]
    door = make_gate(wide, choose_day(), cap_per_day=10**6, cap_per_payee_per_day=10**6)
    answers = await asyncio.gather(*(describe_hold(door, payment) for payment in crossed))
    assert set(answers) == {"goes"}


async def test_a_payment_put_on_hold_is_not_counted(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment, now = await owe(database), choose_day()
    for limits in ({"cap_per_payment": 1499}, {"cap_per_day": 1499}, {"approval_above": 1499}):
        assert await describe_hold(make_gate(database, now, **limits), payment) != "goes"
    assert set((await read_spent(database, now)).values()) <= {Decimal(0)}
    async with database.autocommit() as connection:
        counted = await connection.scalar(
            select(authorisations.c.day).where(authorisations.c.payment_id == payment.id)
        )
        row = await payments.get(connection, payment.id, EVERYTHING)
    assert counted is None
    assert row.status == "pending"


async def test_a_limit_can_be_used_in_full(api: httpx.AsyncClient, database: Database) -> None:
    payment = await owe(database)
    exact = make_gate(
        database, choose_day(), cap_per_payment=1500, cap_per_day=1500, approval_above=1500
    )
    assert await describe_hold(exact, payment) == "goes"


async def test_without_limits_and_with_the_circuit_breaker_closed_the_database_is_not_asked(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment, door = await owe(database), SigningGate(database)
    assert await door.find_hold(payment) is None
    monkeypatch.setattr(database, "autocommit", None)
    monkeypatch.setattr(database, "transaction", None)
    assert await door.find_hold(payment) is None
    assert await door.get_send_obstacle() is None


async def move_back_to_pending(database: Database, payment: Payment) -> None:
    """Keeps the shared journal correct: nothing was reserved for what only looked signed."""
    async with database.transaction() as connection:
        pending = update(scratch).where(scratch.c.id == payment.id).values(status="pending")
        await connection.execute(pending)


@pytest.mark.parametrize("status", ["prepared", "submitted"])
async def test_a_signed_payment_goes_on_whatever_the_limits_are(
    api: httpx.AsyncClient, database: Database, status: str
) -> None:
    payment, now = await owe(database), choose_day()
    async with database.transaction() as connection:
        await connection.execute(
            update(scratch).where(scratch.c.id == payment.id).values(status=status)
        )
    door = make_gate(database, now, cap_per_payment=1, cap_per_day=1, approval_above=1)
    assert await describe_hold(door, payment) == "goes"
    assert await read_spent(database, now) == {}
    await move_back_to_pending(database, payment)
