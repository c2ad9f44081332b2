"""An outage that the chain shows as paid for a verdict which a restored database has forgotten is not paid again."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from stellar_sdk import Keypair

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres import installation
from adapters.postgres.database import Database
from adapters.postgres.settlement import batches
from adapters.postgres.sla.agreements import treasuries
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.errors import TryAgain
from domain.settlement.attempts import Blocked, InBatch
from domain.settlement.payments import Payment, derive_number
from tests.testkit import stacks
from tests.testkit.accounting.fake_chain_history import (
    FakeChainHistory,
    ReconciliationDriver,
    make_transfer,
)
from tests.testkit.settlement.batch_factory import CLASSIC
from tests.testkit.settlement.chain_receipts import FaultlessRail
from tests.testkit.settlement.out_of_band import THEIRS, store_channels
from tests.testkit.settlement.payment_factory import NOW, owe_payment

LATER = NOW.replace(year=2100)


@pytest.fixture
async def scratch(stack: Stack, rail: Rail) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        await store_channels(database, rail)
        yield database


async def pay_other_verdict(
    database: Database,
    rail: Rail,
    payment: Payment,
    revision: int,
    outage_id: str = "",
    payer: str = "",
) -> None:
    """Let the chain show that a payee was paid for a verdict that is not on record."""
    async with database.autocommit() as connection:
        here = await installation.get_id(connection)
    number = derive_number(rail.passphrase, here, outage_id or payment.outage_id, revision)
    # Even of the same amount: a decision may have changed something else.
    to, stroops = payment.to_address, payment.amount_stroops
    driver = ReconciliationDriver(database, FakeChainHistory(latest=1000))
    made = make_transfer(THEIRS, 500, number, stroops, to)
    driver.fake_history.transfers = [replace(made, from_address=payer or made.from_address)]
    await driver.read_chain()


async def test_a_payment_waits_whose_outage_was_paid_by_a_forgotten_decision(
    scratch: Database, rail: Rail
) -> None:
    payment, activities = await owe_payment(scratch), PaymentActivitiesImpl(scratch, rail)
    await pay_other_verdict(scratch, rail, payment, 2)
    blocked = await activities.prepare_payment(payment)
    assert isinstance(blocked, Blocked)
    said = blocked.reason.sentence
    assert f"transaction {THEIRS} paid 1000 for revision 2 of the verdict" in said
    assert f"POST /outages/{payment.outage_id}/void" in said
    # What is owed for another outage goes on.
    batched = PaymentActivitiesImpl(scratch, rail, batches_payments=True)
    assert isinstance(await batched.prepare_payment(await owe_payment(scratch)), InBatch)


async def test_a_treasury_of_an_agreement_of_its_own_may_have_paid_a_forgotten_decision(
    scratch: Database, rail: Rail
) -> None:
    payment, own = await owe_payment(scratch), Keypair.random().public_key
    async with scratch.transaction() as connection:
        await treasuries.add(connection, [own])
    await pay_other_verdict(scratch, rail, payment, 2, payer=own)
    blocked = await PaymentActivitiesImpl(scratch, rail).prepare_payment(payment)
    assert isinstance(blocked, Blocked)
    assert f"transaction {THEIRS} paid 1000 for revision 2" in blocked.reason.sentence


async def test_a_batch_goes_on_without_a_payment_whose_outage_was_paid_otherwise(
    scratch: Database, rail: Rail
) -> None:
    owed = [await owe_payment(scratch), await owe_payment(scratch)]
    alone = PaymentActivitiesImpl(scratch, rail, batches_payments=True)
    for payment in owed:
        assert isinstance(await alone.prepare_payment(payment), InBatch)
    async with scratch.transaction() as connection:
        batch = await batches.form_batch(connection, CLASSIC, LATER, rail.channels)
    assert batch is not None
    await pay_other_verdict(scratch, rail, owed[0], 3)
    together = BatchActivitiesImpl(scratch, rail, CLASSIC)
    together.rail = FaultlessRail(rail)  # type: ignore[assignment]
    with pytest.raises(TryAgain, match="continues without 1 payments"):
        await together.prepare_batch(batch)
    assert not isinstance(await alone.prepare_payment(owed[0]), InBatch)
    assert isinstance(await alone.prepare_payment(owed[1]), InBatch)
