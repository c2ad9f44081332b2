"""Who prepared a payment, and whether it is being signed, as the book knows it."""

import asyncio
from datetime import timedelta

import httpx
from sqlalchemy import select, text

from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from activities.sla.disputes import DisputeActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals, attempts, channels
from adapters.postgres.tables import payments as book
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.reasons import ReasonCode
from domain.requests import Request
from domain.settlement.approvals import Approval, digest
from domain.settlement.attempts import Blocked, InBatch
from domain.settlement.limits import Limits
from domain.settlement.payments import PaymentStatus
from domain.sla.disputes import (
    DecideDisputeInput,
    Dispute,
    DisputeDecision,
    FileDisputeInput,
)
from domain.sla.outages import (
    Amendment,
    AmendOutageInput,
    Declaration,
    JudgeOutageInput,
    Outage,
    RecordOutageInput,
    Resolution,
)
from domain.sla.verdicts import Severity
from services.settlement.approvals.void_approvals import void_approvals_within
from tests.activities.settlement.test_limits import approved
from tests.testkit.api_client import eventually, unique
from tests.testkit.reasons import because
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    gathered,
    landed,
    on_chain,
    patiently,
)
from tests.testkit.settlement.expired_envelopes import dead, parking, settle
from tests.testkit.settlement.payment_factory import DETECTED, NOW, make_owe_input, payment_owed
from tests.testkit.settlement.preparations import get_reason


async def test_whoever_had_a_hand_in_the_verdict_prepared_the_payment(
    api: httpx.AsyncClient, database: Database
) -> None:
    outage_id, dispute_id = unique("HANDS"), unique("dsp")
    by = {name: Request(name, f"corr-{name}") for name in ("dan", "amy", "rex", "joe", "zoe")}
    steps, disputes = (
        OutageActivitiesImpl(database, "sandbox"),
        DisputeActivitiesImpl(database, "sandbox"),
    )
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    await steps.record_outage(
        RecordOutageInput(Declaration(outage, by["dan"], "standard", "default"), NOW)
    )
    amendment = Amendment(by["amy"], {"site_name": "Mast 8"})
    await steps.amend_outage(AmendOutageInput(outage_id, amendment, "1", NOW))
    resolution = Resolution(by["rex"], DETECTED + timedelta(minutes=25))
    await steps.judge_outage(JudgeOutageInput(outage_id, resolution, 60, NOW))
    # Who complains decides nothing; who rules decides what is paid.
    dispute = Dispute(dispute_id, outage_id, "measured wrongly", by["joe"])
    await disputes.file_dispute(FileDisputeInput(dispute, 1, 60, NOW))
    decision = DisputeDecision(dispute_id, True, by["zoe"], "it was 5", 5)
    await disputes.decide_dispute(DecideDisputeInput(outage_id, dispute_id, decision, NOW))
    payment = await steps.owe_payment(await make_owe_input(database, outage_id))
    async with database.transaction() as connection:
        standing = await approvals.lock(connection, payment.id)
    assert standing.makers == ["dan", "amy", "rex", "zoe"]
    assert (standing.payment, standing.approvers) == (payment, set())


async def test_what_holds_a_channel_is_taken(api: httpx.AsyncClient, database: Database) -> None:
    payment = await payment_owed(database)
    async with database.transaction() as connection:
        ours = [channel.address for channel in await channels.list_all(connection)]
        held = await attempts.reserve(connection, payment.id, ours)
        assert held is not None
        assert (await approvals.lock(connection, payment.id)).taken
        await attempts.release(connection, held)
        assert not (await approvals.lock(connection, payment.id)).taken


async def test_a_payment_held_with_dead_bytes_is_not_being_signed(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment, steps = await payment_owed(database), PaymentActivitiesImpl(database, rail)
    died = await dead(rail, steps, payment)
    async with database.transaction() as connection:
        assert (await approvals.lock(connection, payment.id)).taken
    # As while the circuit breaker is open: nothing replaces what died.
    why = Blocked(because("the circuit breaker is open"), dead_after=died.max_ledger)
    await steps.block_payment(parking(payment, why, PaymentStatus.ON_HOLD))
    async with database.transaction() as connection:  # approvers may change their minds
        assert not (await approvals.lock(connection, payment.id)).taken
    await settle(steps, payment, died)


async def test_whoever_waits_for_a_payment_sees_the_channel_it_was_given_meanwhile(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment = await payment_owed(database)

    async def voided() -> list[str]:
        async with database.transaction() as connection:
            return await void_approvals_within(connection, [payment.id], "the address changed", NOW)

    async def taken() -> bool:
        async with database.transaction() as connection:
            return (await approvals.lock(connection, payment.id)).taken

    async with database.transaction() as connection:
        approval = Approval(payment.id, "ada", ["tester"], digest(payment), "")
        await approvals.add(connection, approval, NOW)
    async with database.transaction() as connection:
        await connection.execute(select(book.c.id).where(book.c.id == payment.id).with_for_update())
        waiting = [asyncio.create_task(each) for each in (voided(), taken())]
        await eventually(lambda: blocked(database, 2), "both wait for the payment")
        ours = [channel.address for channel in await channels.list_all(connection)]
        held = await attempts.reserve(connection, payment.id, ours)
        assert held is not None
    assert await asyncio.gather(*waiting) == [[], True]
    async with database.transaction() as connection:
        await attempts.release(connection, held)


async def blocked(database: Database, many: int) -> bool:
    async with database.autocommit() as connection:
        waiting = await connection.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        )
    return bool(waiting == many)


async def test_who_lost_an_approval_since_leaves_before_the_signature(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """It was withdrawn while the payment waited for its batch: nobody but the gate has to know."""
    payment, other = [await payment_owed(database, "LOST", minutes) for minutes in (25, 20)]
    gate = SigningGate(database, Limits(approval_above=payment.amount_stroops - 1))
    lives = PaymentActivitiesImpl(database, rail, gate, batches_payments=True)
    for name in ("ada", "bob"):
        await approved(database, payment, name)
    assert isinstance(await lives.prepare_payment(payment), InBatch)
    async with database.transaction() as connection:
        await approvals.withdraw(connection, payment.id, "ada", NOW)
    steps, batch = await gathered(database, rail, CLASSIC, other, gate=gate)
    gone = await patiently(steps.prepare_batch, batch)
    assert gone.withdrawn == [payment.id]
    held = await lives.prepare_payment(payment)
    assert get_reason(held).code is ReasonCode.APPROVAL_REQUIRED
    await steps.confirm_batch(await landed(steps, batch))
    assert await on_chain(stack, payment, other) == [0, 1]
    await approved(database, payment, "cyd")
    _, again = await gathered(database, rail, CLASSIC, payment, gate=gate)
    await steps.confirm_batch(await landed(steps, again))
    assert await on_chain(stack, payment, other) == [1, 1]
