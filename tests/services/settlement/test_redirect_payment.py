"""A payment for which nothing is signed follows its payee to a new address, and is made there once."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from activities.settlement.payments import PaymentActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres import audit
from adapters.postgres.accounting import invariants, journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals, attempts, payments, wallets
from adapters.postgres.settlement.attempts import Reservation
from adapters.postgres.settlement.owners import registrations
from adapters.postgres.sla.agreements import agreements
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict, TryAgain
from domain.reasons import Reason, ReasonCode
from domain.settlement.allocations import make_single_transfer
from domain.settlement.attempts import ObservedAttempt, Prepared, Redirected, SettlementRail
from domain.settlement.owners.registrations import Registration
from domain.settlement.owners.wallets import Payout, PayoutRole
from domain.settlement.payments import Payment, PaymentStatus
from domain.sla.outages import Declaration, JudgeOutageInput, Outage, RecordOutageInput, Resolution
from domain.sla.verdicts import Severity
from services.settlement.attempts.release_reservation import release_reservation
from services.settlement.channels.reserve_channel import reserve_channel
from services.settlement.payments.store_envelope import store_envelope
from services.settlement.payouts.redirect_payment import redirect_payment
from tests.activities.settlement.limits.test_approvals import approve
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.batch_factory import NETTED, form_batch, run_until_accepted
from tests.testkit.settlement.payment_factory import ASKER, DETECTED, NOW, make_owe_input

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Party:
    """An agreement of its own, so that its payouts are nobody else's, and the addresses of its provider."""

    database: Database
    agreement: str
    provider: str
    elsewhere: str

    async def owe(self) -> Payment:
        """Owe a reward of 1500 USDC."""
        activities, outage_id = (
            OutageActivitiesImpl(self.database, "sandbox"),
            make_unique_id("MOVED"),
        )
        outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
        declaration = Declaration(outage, ASKER, "standard", self.agreement)
        await activities.record_outage(RecordOutageInput(declaration, NOW))
        repair = Resolution(ASKER, DETECTED + timedelta(minutes=5))
        await activities.judge_outage(JudgeOutageInput(outage_id, repair, 60, NOW))
        return (
            await activities.owe_payment(await make_owe_input(self.database, outage_id))
        ).payment

    async def move(self, address: str, at: datetime) -> None:
        change = Payout(self.agreement, PayoutRole.PROVIDER, address, at)
        async with self.database.transaction() as connection:
            await wallets.request_payout_change(
                connection, make_unique_id("pyo"), change, "tester", at - HOUR
            )

    async def read_owed(self, payment: Payment) -> dict[str, int]:
        """Return what the journal owes by a payment, by payee."""
        async with self.database.autocommit() as connection:
            posted = await journal.list_by_payment(connection, payment.id)
        owed: dict[str, int] = {}
        for each in posted:
            if each.account.startswith(("payable:", "reserved:")):
                payee = each.account.partition(":")[2]
                owed[payee] = owed.get(payee, 0) - each.amount_stroops
        return {payee: stroops for payee, stroops in owed.items() if stroops}


@pytest.fixture
async def party(stack: Stack, database: Database) -> Party:
    known = {
        name: stack.environment[f"STELLAR_{name}_ADDRESS"] for name in ("PROVIDER", "BENEFICIARY")
    }
    async with database.transaction() as connection:
        bound = await agreements.get_agreement(connection, "default", EVERYTHING)
        name = make_unique_id("moving")
        terms = replace(bound, name=name, provider=known["PROVIDER"])
        await agreements.add_agreement(connection, terms)
        for address in known.values():
            with suppress(Conflict):  # registered, and proven, by another test
                owned = Registration(address, "Operator One", None)
                await registrations.register(connection, owned, NOW)
    return Party(database, name, known["PROVIDER"], known["BENEFICIARY"])


async def test_a_blocked_payment_is_made_at_the_new_address_alone(
    stack: Stack, database: Database, rail: Rail, party: Party
) -> None:
    payment = await party.owe()
    await approve(database, payment, "bob")
    async with database.transaction() as connection:
        reason = Reason(ReasonCode.PAYEE_NO_TRUSTLINE, "the payee has no trustline")
        await payments.stop(connection, payment.id, PaymentStatus.BLOCKED, reason)
    await party.move(party.elsewhere, NOW + HOUR)
    activities = PaymentActivitiesImpl(database, rail)
    answer = await activities.prepare_payment(payment)
    assert isinstance(answer, Redirected)
    assert answer.payment == replace(payment, to_address=party.elsewhere)
    assert await party.read_owed(payment) == {party.elsewhere: payment.amount_stroops}
    prepared = await activities.prepare_payment(answer.payment)
    assert isinstance(prepared, Prepared)
    await activities.submit_payment(prepared.attempt)
    seen = await activities.observe_payment(prepared.attempt)
    await activities.confirm_payment(ObservedAttempt(answer.payment, prepared.attempt, seen, NOW))
    made = await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    paid = [each for each in made if each.number == payment.number]
    assert [(each.payee, each.amount_stroops) for each in paid] == [
        (party.elsewhere, payment.amount_stroops)
    ]
    async with database.transaction() as connection:
        given = await approvals.list_by_payment(connection, [payment.id])
        trail = await audit.read_trail(connection, f"outage/{payment.outage_id}")
        found = await invariants.check(connection)
    assert [each.voided_reason for each in given[payment.id]] == [
        f"the payment is to be made to {party.elsewhere}"
    ]
    (moved,) = [each["evidence"] for each in trail if each["action"] == "payment.redirected"]
    assert (moved["to_address_before"], moved["to_address"]) == (party.provider, party.elsewhere)
    assert [each for each in found if each.subject == payment.id] == []


async def test_a_payment_follows_its_payee_there_and_back(party: Party) -> None:
    payment = await party.owe()
    await party.move(party.elsewhere, NOW + HOUR)
    early = await redirect_payment(party.database, payment.id, NOW + timedelta(minutes=59))
    assert early.payment.to_address == party.provider
    there = await redirect_payment(party.database, payment.id, NOW + HOUR)
    assert there.payment.to_address == party.elsewhere
    assert await party.read_owed(payment) == {party.elsewhere: payment.amount_stroops}
    await party.move(party.provider, NOW + 3 * HOUR)
    await redirect_payment(party.database, payment.id, NOW + 3 * HOUR)
    assert await party.read_owed(payment) == {party.provider: payment.amount_stroops}


async def test_a_payment_keeps_its_address_while_a_channel_is_reserved(
    database: Database, rail: Rail, party: Party
) -> None:
    payment = await party.owe()
    reservation = await reserve_channel(database, payment, rail.channels)
    assert isinstance(reservation, Reservation)
    await party.move(party.elsewhere, NOW + HOUR)
    same = await redirect_payment(database, payment.id, datetime.now(UTC))
    assert same.payment == payment
    await release_reservation(database, reservation)


async def test_a_channel_that_a_dead_run_reserved_keeps_no_payment_at_the_old_address(
    database: Database, rail: Rail, party: Party
) -> None:
    """It had signed nothing, and the worker was down while its payee moved."""
    payment = await party.owe()
    assert isinstance(await reserve_channel(database, payment, rail.channels), Reservation)
    await party.move(party.elsewhere, NOW + HOUR)
    answer = await PaymentActivitiesImpl(database, rail).prepare_payment(payment)
    assert answer == Redirected(replace(payment, to_address=party.elsewhere))


async def test_what_waits_in_a_batch_leaves_it_for_the_new_address(
    database: Database, rail: Rail, party: Party
) -> None:
    """The circuit breaker was open, say, since the batch was formed, and nothing is signed for it."""
    owed = [await party.owe(), await party.owe()]
    activities, batch = await form_batch(database, rail, NETTED, *owed)
    await party.move(party.elsewhere, NOW + HOUR)
    preparation = await run_until_accepted(activities.prepare_batch, batch)
    assert {each.id for each in owed} <= {*preparation.withdrawn}
    alone = PaymentActivitiesImpl(database, rail, batches_payments=True)
    for payment in owed:
        moved = Redirected(replace(payment, to_address=party.elsewhere))
        assert await alone.prepare_payment(payment) == moved


async def test_a_payment_leaves_an_address_that_was_called_off_a_moment_too_late(
    database: Database, rail: Rail, party: Party
) -> None:
    """By the clock of who called it off it had no effect yet, by that of the worker it had."""
    payment = await party.owe()
    await party.move(party.elsewhere, NOW + HOUR)
    moved = (await redirect_payment(database, payment.id, NOW + HOUR)).payment
    assert moved.to_address == party.elsewhere
    async with database.transaction() as connection:
        before = NOW + HOUR - timedelta(milliseconds=1)
        role = PayoutRole.PROVIDER
        await wallets.cancel_payout(connection, party.agreement, role, "tester", before)
    assert await PaymentActivitiesImpl(database, rail).prepare_payment(moved) == Redirected(payment)


async def test_bytes_for_the_old_address_are_not_stored_under_a_reservation_made_again(
    database: Database, rail: Rail, party: Party
) -> None:
    """A run stalls after it has signed; meanwhile another gives its channel back, and reserves it anew."""
    payment = await party.owe()
    stalled = await reserve_channel(database, payment, rail.channels)
    assert isinstance(stalled, Reservation)
    activities = PaymentActivitiesImpl(database, rail)
    transfers = [make_single_transfer(payment)]
    signed = await activities.sign(stalled, transfers, SettlementRail.SOROBAN, 0)
    assert await release_reservation(database, stalled)
    await party.move(party.elsewhere, NOW + HOUR)
    moved = (await redirect_payment(database, payment.id, NOW + HOUR)).payment
    again = await reserve_channel(database, moved, [stalled.channel])
    assert again == stalled
    with pytest.raises(TryAgain, match="has other addresses by now"):
        await store_envelope(database, payment, stalled, signed)
    async with database.autocommit() as connection:
        kept = await attempts.get_attempt(connection, payment.id, stalled.n)
    assert kept is not None
    assert kept.envelope is None
    assert await release_reservation(database, stalled)


async def test_a_run_that_knows_the_old_address_signs_nothing(
    database: Database, rail: Rail, party: Party
) -> None:
    """It read the payment before it was redirected, and reserves a channel after that."""
    payment = await party.owe()
    await party.move(party.elsewhere, NOW + HOUR)
    moved = (await redirect_payment(database, payment.id, NOW + HOUR)).payment
    reservation = await reserve_channel(database, payment, rail.channels)
    assert isinstance(reservation, Reservation)
    activities = PaymentActivitiesImpl(database, rail)
    assert await activities._sign_anew(payment, reservation, 0) == Redirected(moved)
    async with database.autocommit() as connection:
        assert (
            await payments.get(connection, payment.id, EVERYTHING)
        ).status is PaymentStatus.PENDING
