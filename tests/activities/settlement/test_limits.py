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
from sqlalchemy.exc import IntegrityError

from activities.settlement.limits import SigningGate
from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals, payments
from adapters.postgres.tables import authorisations, spending
from adapters.postgres.tables import payments as scratch
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
    scratch = Database(stack.environment["DATABASE_URL"], connections_max=25)
    yield scratch
    await scratch.close()


def choose_day() -> datetime:
    """A day of its own for each test, so that nothing is spent on it yet."""
    return datetime(2031, 1, 1, 12, tzinfo=UTC) + timedelta(days=next(DAYS))


async def owe(database: Database, minutes: int = 5) -> Payment:
    """A payment that no workflow is about to make: by default a reward of 1500 USDC."""
    return await owe_payment(database, "GATE", minutes)


async def approve(database: Database, payment: Payment, approver: str, maker: str = MAKER) -> None:
    async with database.transaction() as connection:
        given = Approval(payment.id, approver, ["somebody", maker], compute_digest(payment), "")
        await approvals.add(connection, given, NOW)


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


async def test_a_payment_counts_once_on_the_day_it_is_last_admitted(
    api: httpx.AsyncClient, database: Database
) -> None:
    """Those that could not be made for days do not leave together on a day that has room for one."""
    payment, today = await owe(database), choose_day()
    tomorrow = choose_day()
    for _ in range(2):
        assert await describe_hold(make_gate(database, today, cap_per_day=1500), payment) == "goes"
    assert await read_spent(database, today) == dict.fromkeys(
        ["payer", "payee"], convert_to_stroops(1500)
    )
    other = await owe(database)
    assert "is used up" in await describe_hold(make_gate(database, today, cap_per_day=1500), other)
    assert await describe_hold(make_gate(database, tomorrow, cap_per_day=1500), other) == "goes"
    assert "is used up" in await describe_hold(
        make_gate(database, tomorrow, cap_per_day=1500), payment
    )
    assert await describe_hold(make_gate(database, tomorrow, cap_per_day=3000), payment) == "goes"
    assert await read_spent(database, tomorrow) == dict.fromkeys(
        ["payer", "payee"], convert_to_stroops(3000)
    )
    assert await read_spent(database, today) == dict.fromkeys(["payer", "payee"], Decimal(0))


async def test_a_payment_to_another_payee_counts_for_that_payee(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment, now = await owe(database), choose_day()
    door = make_gate(database, now, cap_per_day=1500, cap_per_payee_per_day=1500)
    assert await describe_hold(door, payment) == "goes"
    elsewhere = replace(payment, to_address="G" + "B" * 55)
    assert await describe_hold(door, elsewhere) == "goes"
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
    payment, now = await owe(database), choose_day()
    for limits in ({"cap_per_payment": 1499}, {"cap_per_day": 1499}, {"approval_above": 1499}):
        assert await describe_hold(make_gate(database, now, **limits), payment) != "goes"
    assert set((await read_spent(database, now)).values()) <= {Decimal(0)}
    async with database.autocommit() as connection:
        counted = await connection.scalar(
            select(authorisations.c.day).where(authorisations.c.payment_id == payment.id)
        )
        row = await payments.get(connection, payment.id)
    assert counted is None
    assert row["status"] == "pending"


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


async def test_a_payment_never_moves_back_to_an_earlier_day(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment, other, today = (
        await owe(database),
        await owe(database),
        choose_day() + timedelta(days=30_000),
    )
    yesterday = today - timedelta(days=1)
    ahead, behind = (make_gate(database, now, cap_per_day=2000) for now in (today, yesterday))
    assert await describe_hold(ahead, payment) == "goes"
    before = await read_spent(database, today)
    # A worker whose clock is behind signs it today all the same.
    assert await describe_hold(behind, payment) == "goes"
    assert await read_spent(database, today) == before
    assert await read_spent(database, yesterday) == {}
    assert "cap" in await describe_hold(ahead, other)


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
    assert [row["voided_reason"] for row in given[unsigned.id]] == ["the address changed"]
    assert [row["voided_reason"] for row in given[signed.id]] == [None]
    await move_back_to_pending(database, signed)


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


async def test_a_withdrawn_approval_admits_nothing(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment = await owe(database)
    await approve(database, payment, ADA)
    async with database.transaction() as connection:
        await approvals.withdraw(connection, payment.id, ADA, NOW)
        standing = await approvals.lock(connection, payment.id)
    assert (standing.approvers, standing.taken) == (set(), False)
