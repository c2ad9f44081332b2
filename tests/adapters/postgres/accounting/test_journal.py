"""
The journal under any sequence of what can happen to obligations, each perhaps repeated, perhaps by two
at the same time: every invariant holds after each, and an invalid posting is refused as a whole.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres.accounting import invariants, journal
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.accounting.invariants import Invariant
from domain.accounting.journal import (
    Entry,
    make_accrual,
    make_correction,
    make_release,
    make_released_entries,
    make_reservation,
    make_reversal,
    make_settled_entries,
    make_settlement,
)
from domain.accounting.postings import SLOTS
from domain.settlement.payments import Payment, Treasury
from domain.sla.verdicts import PaymentType
from tests.testkit import stacks

PAYMENTS, WRITERS, ROUNDS = 3, 8, 12
NUMBERS = count(1)
# The invariants of the journal alone; the others are about payments and their attempts.
OWN = set(Invariant) - {
    *(Invariant.PAYMENTS_MATCH_SETTLEMENTS, Invariant.OBLIGATION_LIFECYCLE),
    *(Invariant.SETTLEMENTS_AUTHORISED, Invariant.NO_PAYMENT_WHILE_DISPUTED),
}

_PAYMENT = text(
    """
    INSERT INTO payments (id, number, outage_id, revision, type, status, amount_stroops, asset_code, payer,
        from_address, to_address, correlation_id, created_at)
    VALUES (:id, :number, :id, 1, 'penalty', 'pending', :amount, 'USDC', 'bond', 'GFROM', :payee, 'x', now())
    """
)


async def make_payment_alone(database: Database, amount: int, payee: str = "") -> Payment:
    """Insert a payment without an outage; by default to a payee of its own."""
    number = next(NUMBERS)
    name, payee = f"pay_{number}", payee or f"G{number}"
    async with database.transaction() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        values = {"id": name, "number": number, "amount": amount, "payee": payee}
        await connection.execute(_PAYMENT, values)
    owed = (PaymentType.PENALTY, amount, Treasury.BOND, "GFROM", payee, "x")
    return Payment(name, number, name, 1, *owed)


async def post(database: Database, *entries: Entry) -> bool:
    """Post in a transaction; return False when the database refused it."""
    try:
        async with database.transaction() as connection:
            await journal.post_entries(connection, entries)
    except IntegrityError:
        return False
    return True


async def find_violations(database: Database) -> list[str]:
    async with database.transaction() as connection:
        found = await invariants.check(connection)
    return [f"{each.subject}: {each.detail}" for each in found if each.invariant in OWN]


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


class ObligationMachine(RuleBasedStateMachine):
    """A model of three payments beside the journal: where each one's money is."""

    url: ClassVar[str]
    loop: ClassVar[asyncio.Runner]
    database: ClassVar[Database]
    met: ClassVar[Counter[str]]

    @initialize(amounts=st.lists(st.integers(1, 10**15), min_size=PAYMENTS, max_size=PAYMENTS))
    def begin(self, amounts: list[int]) -> None:
        self.payments = [
            self.loop.run(make_payment_alone(self.database, amount)) for amount in amounts
        ]
        self.at = ["nowhere"] * PAYMENTS
        self.tries = [0] * PAYMENTS
        self.posted: list[Entry] = []

    def do(self, entries: list[Entry], times: int, allowed: bool, what: str) -> bool:
        """Post the same once or concurrently; it is accepted once, or refused for good."""

        async def at_once() -> list[bool]:
            return await asyncio.gather(*(post(self.database, *entries) for _ in range(times)))

        taken = any(self.loop.run(at_once()))
        assert taken == allowed, f"{what} was {'taken' if taken else 'refused'}"
        self.met[what if allowed else f"refused {what}"] += 1
        if taken:
            self.posted += entries
        return taken

    which = st.integers(0, PAYMENTS - 1)
    times = st.integers(1, 3)

    @rule(which=which, times=times)
    def accrue(self, which: int, times: int) -> None:
        self.do([make_accrual(self.payments[which])], times, True, "make_accrual")
        if self.at[which] == "nowhere":
            self.at[which] = "payable"

    @rule(which=which, times=times)
    def reserve(self, which: int, times: int) -> None:
        n = self.tries[which] + 1
        allowed = self.at[which] == "payable"
        if self.do([make_reservation(self.payments[which], n)], times, allowed, "make_reservation"):
            self.at[which], self.tries[which] = "reserved", n

    @rule(which=which, times=times)
    def give_back(self, which: int, times: int) -> None:
        n = self.tries[which]
        known = make_release(self.payments[which], n) in self.posted
        allowed = self.at[which] == "reserved" or known
        if (
            self.do([make_release(self.payments[which], n)], times, allowed, "release")
            and not known
        ):
            self.at[which] = "payable"

    @rule(which=which, times=times, hash_=st.sampled_from(["one", "two"]))
    def settle(self, which: int, times: int, hash_: str) -> None:
        entry = make_settlement(self.payments[which], hash_)
        allowed = self.at[which] == "reserved" or entry in self.posted
        if self.do([entry], times, allowed, "settlement"):
            self.at[which] = "treasury"

    @rule(which=which, times=times)
    def cancel(self, which: int, times: int) -> None:
        entry = make_reversal(make_accrual(self.payments[which]))
        allowed = self.at[which] == "payable" or entry in self.posted
        if self.do([entry], times, allowed, "reversal"):
            self.at[which] = "reversed"

    @rule(data=st.data(), times=times)
    def repeat(self, data: st.DataObject, times: int) -> None:
        """Repeat something that a worker posted long ago."""
        if self.posted:
            self.do([data.draw(st.sampled_from(self.posted))], times, True, "repetition")

    @invariant()
    def the_money_is_where_it_should_be(self) -> None:
        self.loop.run(self.compare())

    async def compare(self) -> None:
        async with self.database.autocommit() as connection:
            for payment, at in zip(self.payments, self.at, strict=True):
                left = Counter[str]()
                for row in await journal.list_by_payment(connection, payment.id):
                    left[row.account.partition(":")[0]] += row.amount_stroops
                expected = {} if at in ("nowhere", "reversed") else {at: -payment.amount_stroops}
                found = {name: sum_ for name, sum_ in left.items() if sum_ and name != "expense"}
                assert found == expected, (payment.id, at)

    def teardown(self) -> None:
        assert self.loop.run(find_violations(self.database)) == []


@pytest.fixture
def machine(stack: Stack, scratch: Database) -> Iterator[type[ObligationMachine]]:
    url = scratch.engine.url.render_as_string(hide_password=False)
    with asyncio.Runner() as loop:
        database = Database(url, connections_max=4)
        parts = {"url": url, "loop": loop, "database": database, "met": Counter()}
        yield type("Played", (ObligationMachine,), parts)
        loop.run(database.close())


async def _run_in_thread(work: type[ObligationMachine]) -> None:
    plan = settings(
        max_examples=60,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, work, settings=plan)


async def test_any_sequence_of_postings_keeps_every_invariant(
    machine: type[ObligationMachine],
) -> None:
    await _run_in_thread(machine)
    whats = ("make_accrual", "make_reservation", "release", "settlement", "reversal")
    for what in whats:
        assert machine.met[what], f"no {what} was ever drawn"
    for what in whats[1:]:
        assert machine.met[f"refused {what}"], f"no {what} was ever refused"


async def test_concurrent_postings_between_the_same_accounts_do_not_deadlock(
    scratch: Database,
) -> None:
    """Each posts overlapping payments in an order of its own: no deadlock, and nothing twice."""
    owed = [await make_payment_alone(scratch, 1 + number, "GALL") for number in range(ROUNDS * 4)]
    assert len({make_accrual(payment).slot for payment in owed}) > 1
    dice = random.Random(7)
    entries_by_payment = [
        [
            make_accrual(payment),
            *make_released_entries(payment, 1, payment.id),
            *make_settled_entries(payment, "x", 2, payment.id),
        ]
        for payment in owed
    ]

    async def write(order: list[list[Entry]]) -> int:
        refused = 0
        for start in range(0, len(order), 4):
            together = [entry for entries in order[start : start + 4] for entry in entries]
            refused += not await post(scratch, *dice.sample(together, len(together)))
        return refused

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(
                write(dice.sample(entries_by_payment, len(entries_by_payment)))
                for _ in range(WRITERS)
            )
        )
        assert await write(entries_by_payment) == 0
    async with scratch.autocommit() as connection:
        balances = {
            row.account: row.balance_stroops for row in await journal.list_balances(connection)
        }
    assert balances["payable:GALL"] == balances["reserved:GALL"] == 0
    assert await find_violations(scratch) == []


async def test_a_wrong_entry_is_reversed_and_corrected_once(scratch: Database) -> None:
    payment = await make_payment_alone(scratch, 500)
    wrong = make_accrual(payment)
    right = make_correction(wrong, tuple(wrong.postings))
    assert await post(scratch, wrong)
    assert await post(scratch, make_reversal(wrong), right)
    assert await post(scratch, make_reversal(wrong), right)
    another = Entry(
        "ent_y", "reversal", payment.id, make_reversal(wrong).postings, corrects=wrong.id
    )
    assert not await post(scratch, another), "an entry is taken back once"
    assert not await post(scratch, make_reversal(make_reservation(payment, 9))), (
        "there is no such entry"
    )
    async with scratch.autocommit() as connection:
        rows = await journal.list_by_payment(connection, payment.id)
    assert sum(row.amount_stroops for row in rows if row.account.startswith("payable:")) == -500


async def test_balance_slots_are_spread_and_add_up(scratch: Database) -> None:
    owed = [await make_payment_alone(scratch, 10, "GSPREAD") for _ in range(64)]
    assert await post(scratch, *map(make_accrual, owed))
    async with scratch.autocommit() as connection:
        rows = await connection.execute(
            text("SELECT slot, amount_stroops FROM balances WHERE account = 'payable:GSPREAD'")
        )
        parts = {row.slot: row.amount_stroops for row in rows}
        balances = {
            row.account: row.balance_stroops for row in await journal.list_balances(connection)
        }
    assert len(parts) > SLOTS // 2
    assert sum(parts.values()) == balances["payable:GSPREAD"] == -640
