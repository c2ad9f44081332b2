"""A payment counts once, for its payee, on the day it is last admitted."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import httpx
from sqlalchemy import select

from adapters.postgres.database import Database
from adapters.postgres.tables import spending
from domain.money import convert_to_stroops
from tests.activities.settlement.test_limits import (
    choose_day,
    describe_hold,
    make_gate,
    owe,
    read_spent,
)


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
