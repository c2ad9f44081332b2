"""The makers of a payment, and whether it is being signed, as the database stores it."""

import asyncio
from datetime import timedelta

import httpx
from sqlalchemy import select, text

from activities.settlement.payments import PaymentActivitiesImpl
from activities.sla.disputes import DisputeActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import (
    approvals,
    attempts,
    channels,
)
from adapters.postgres.tables import payments as payments_table
from adapters.stellar.rail import Rail
from domain.requests import Request
from domain.settlement.approvals import Approval, compute_digest
from domain.settlement.attempts import (
    Blocked,
)
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
from tests.testkit.api_client import make_unique_id, wait_until
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.expired_envelopes import (
    let_expire,
    make_block_input,
    settle_after_expiry,
)
from tests.testkit.settlement.payment_factory import DETECTED, NOW, make_owe_input, owe_payment


async def test_everyone_with_a_hand_in_the_verdict_is_a_maker(
    api: httpx.AsyncClient, database: Database
) -> None:
    outage_id, dispute_id = make_unique_id("HANDS"), make_unique_id("dsp")
    by = {name: Request(name, f"corr-{name}") for name in ("dan", "amy", "rex", "joe", "zoe")}
    activities, disputes = (
        OutageActivitiesImpl(database, "sandbox"),
        DisputeActivitiesImpl(database, "sandbox"),
    )
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    await activities.record_outage(
        RecordOutageInput(Declaration(outage, by["dan"], "standard", "default"), NOW)
    )
    amendment = Amendment(by["amy"], {"site_name": "Mast 8"})
    await activities.amend_outage(AmendOutageInput(outage_id, amendment, "1", NOW))
    resolution = Resolution(by["rex"], DETECTED + timedelta(minutes=25))
    await activities.judge_outage(JudgeOutageInput(outage_id, resolution, 60, NOW))
    # Whoever files a dispute decides nothing; whoever decides it decides what is paid.
    dispute = Dispute(dispute_id, outage_id, "measured wrongly", by["joe"])
    await disputes.file_dispute(FileDisputeInput(dispute, 1, 60, NOW))
    decision = DisputeDecision(dispute_id, True, by["zoe"], "it was 5", 5)
    await disputes.decide_dispute(DecideDisputeInput(outage_id, dispute_id, decision, NOW))
    payment = (await activities.owe_payment(await make_owe_input(database, outage_id))).payment
    async with database.transaction() as connection:
        standing = await approvals.lock(connection, payment.id)
    assert standing.makers == ["dan", "amy", "rex", "zoe"]
    assert (standing.payment, standing.approvers) == (payment, set())


async def test_a_payment_with_a_channel_is_being_signed(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment = await owe_payment(database)
    async with database.transaction() as connection:
        ours = [channel.address for channel in await channels.list_all(connection)]
        reservation = await attempts.reserve(connection, payment.id, ours)
        assert reservation is not None
        assert (await approvals.lock(connection, payment.id)).taken
        await attempts.release(connection, reservation)
        assert not (await approvals.lock(connection, payment.id)).taken


async def test_a_payment_on_hold_with_an_expired_envelope_is_not_being_signed(
    api: httpx.AsyncClient, database: Database, rail: Rail
) -> None:
    payment, activities = await owe_payment(database), PaymentActivitiesImpl(database, rail)
    expired = await let_expire(rail, activities, payment)
    async with database.transaction() as connection:
        assert (await approvals.lock(connection, payment.id)).taken
    # As while the circuit breaker is open: nothing replaces the expired envelope.
    why = Blocked(make_reason("the circuit breaker is open"), dead_after=expired.max_ledger)
    await activities.block_payment(make_block_input(payment, why, PaymentStatus.ON_HOLD))
    async with database.transaction() as connection:  # approvers may change their minds
        assert not (await approvals.lock(connection, payment.id)).taken
    await settle_after_expiry(activities, payment, expired)


async def test_whoever_waits_for_the_lock_sees_the_channel_reserved_meanwhile(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment = await owe_payment(database)

    async def voided() -> list[str]:
        async with database.transaction() as connection:
            return await void_approvals_within(connection, [payment.id], "the address changed", NOW)

    async def taken() -> bool:
        async with database.transaction() as connection:
            return (await approvals.lock(connection, payment.id)).taken

    async with database.transaction() as connection:
        approval = Approval(payment.id, "ada", ["tester"], compute_digest(payment), "")
        await approvals.add(connection, approval, NOW)
    async with database.transaction() as connection:
        await connection.execute(
            select(payments_table.c.id).where(payments_table.c.id == payment.id).with_for_update()
        )
        waiting = [asyncio.create_task(each) for each in (voided(), taken())]
        await wait_until(lambda: are_waiting(database, 2), "both wait for the payment")
        ours = [channel.address for channel in await channels.list_all(connection)]
        reservation = await attempts.reserve(connection, payment.id, ours)
        assert reservation is not None
    assert await asyncio.gather(*waiting) == [[], True]
    async with database.transaction() as connection:
        await attempts.release(connection, reservation)


async def are_waiting(database: Database, many: int) -> bool:
    async with database.autocommit() as connection:
        waiting = await connection.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        )
    return bool(waiting == many)
