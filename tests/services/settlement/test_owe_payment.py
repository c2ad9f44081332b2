"""A payment's number on the chain is derived when it becomes owed, and no two payments have the same."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres import installation
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from devstack.environment.stack import Stack
from domain.errors import Conflict
from domain.settlement.payments import derive_number
from services.settlement.payments.owe_payment import owe_payment
from tests.testkit import stacks
from tests.testkit.settlement.payment_factory import judge_outage, make_owe_input
from tests.testkit.settlement.payment_factory import owe_payment as owe_any

NETWORK = "A network of this test"


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def test_the_number_is_of_network_installation_outage_and_revision(scratch: Database) -> None:
    await judge_outage(scratch, "OUT-NUMBER", 25)
    wanted = await make_owe_input(scratch, "OUT-NUMBER")
    owed = [await owe_payment(scratch, wanted, NETWORK) for _ in range(2)]
    async with scratch.autocommit() as connection:
        here = await installation.get_id(connection)
    expected = derive_number(NETWORK, here, "OUT-NUMBER", 1)
    assert {each.payment.number for each in owed} == {expected}


async def test_a_number_that_another_payment_has_is_refused_with_a_sentence(
    scratch: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await owe_any(scratch)
    monkeypatch.setattr(payments, "derive_number", lambda *_: other.number)
    await judge_outage(scratch, "OUT-COLLIDES", 25)
    wanted = await make_owe_input(scratch, "OUT-COLLIDES")
    with pytest.raises(Conflict, match=f"the number {other.number}, which another payment has"):
        await owe_payment(scratch, wanted, NETWORK)
