"""Stated minutes that contradict the measured ones wait for a second person, who is no maker of the verdict."""

from datetime import timedelta

import httpx
import pytest

from activities.sla.disputes import DisputeActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import approvals
from adapters.settings import SettlementSettings
from domain.money import convert_to_stroops
from domain.requests import make_unverified_request
from domain.settlement.limits import Limits
from domain.settlement.payments import BlockPaymentInput, Payment, PaymentStatus
from domain.sla.disputes import DecideDisputeInput, Dispute, DisputeDecision, FileDisputeInput
from domain.sla.outages import Declaration, JudgeOutageInput, Outage, RecordOutageInput, Resolution
from domain.sla.verdicts import Severity
from services.settlement.approvals.read_approvals import get_approval_request
from services.settlement.payments.stop_payment import stop_payment
from tests.activities.settlement.limits.test_approvals import approve
from tests.activities.settlement.test_limits import choose_day, describe_hold, make_gate
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import ASKER, DETECTED, NOW, make_owe_input

ASKED = DETECTED + timedelta(minutes=25)  # the clock says 25 minutes: a penalty of 1000 USDC


async def owe_after(
    database: Database, resolution: Resolution, decision: DisputeDecision | None = None
) -> Payment:
    """Owe what follows from a resolution that is asked 25 minutes after the outage began, and a decision."""
    activities, outage_id = OutageActivitiesImpl(database, "sandbox"), make_unique_id("STATED")
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    declaration = Declaration(outage, ASKER, "standard", "default")
    await activities.record_outage(RecordOutageInput(declaration, NOW))
    await activities.judge_outage(JudgeOutageInput(outage_id, resolution, 60, ASKED))
    if decision is not None:
        disputing = DisputeActivitiesImpl(database, "sandbox")
        dispute = Dispute(decision.dispute_id, outage_id, "not ours", ASKER)
        await disputing.file_dispute(FileDisputeInput(dispute, 1, 3600, NOW))
        deciding = DecideDisputeInput(outage_id, decision.dispute_id, decision, NOW)
        await disputing.decide_dispute(deciding)
    return (await activities.owe_payment(await make_owe_input(database, outage_id))).payment


async def test_minutes_that_turn_a_penalty_into_a_reward_wait_for_one_other_person(
    api: httpx.AsyncClient, database: Database
) -> None:
    payment = await owe_after(database, Resolution(ASKER, mttr_minutes=5))
    door = make_gate(database, choose_day(), approval_above_stated=500)
    assert await describe_hold(door, payment) == (
        "1500 USDC waits for approval by a second person: the minutes that were stated change it by 2500 USDC, "
        "against the measured ones"
    )
    await approve(database, payment, "ada")
    assert await describe_hold(door, payment) == "goes"
    assert await door.find_holds_again([payment]) == {}


async def test_decided_minutes_are_compared_with_the_clock_as_well(
    api: httpx.AsyncClient, database: Database
) -> None:
    decision = DisputeDecision(make_unique_id("dsp"), True, ASKER, "it was 5", 5)
    payment = await owe_after(database, Resolution(ASKER, ASKED), decision)
    door = make_gate(database, choose_day(), approval_above_stated=2499)
    assert "change it by 2500 USDC" in await describe_hold(door, payment)


async def test_what_the_clock_says_and_small_differences_need_nobody(
    api: httpx.AsyncClient, database: Database
) -> None:
    measured = await owe_after(database, Resolution(ASKER, DETECTED + timedelta(minutes=5)))
    rounded = await owe_after(database, Resolution(ASKER, mttr_minutes=24))
    door = make_gate(database, choose_day(), approval_above_stated=100)
    for payment in (measured, rounded):
        assert await describe_hold(door, payment) == "goes"


async def test_a_payment_admitted_before_the_limit_is_asked_again(
    api: httpx.AsyncClient, database: Database
) -> None:
    """A batch is checked by one read, and a gate with a new limit finds what the old one let go."""
    payment, day = await owe_after(database, Resolution(ASKER, mttr_minutes=5)), choose_day()
    lenient = make_gate(database, day, approval_above_stated=5000)
    assert await describe_hold(lenient, payment) == "goes"
    assert await lenient.find_holds_again([payment]) == {}
    strict = make_gate(database, day, approval_above_stated=500)
    assert list(await strict.find_holds_again([payment])) == [payment.id]


@pytest.mark.parametrize(
    ("limits", "needed"),
    [({"approval_above": 500}, 3), ({"approval_above_stated": 500}, 2)],
)
async def test_an_approval_taken_back_stops_a_payment_with_an_unverified_maker_once_more(
    api: httpx.AsyncClient, database: Database, limits: dict[str, int], needed: int
) -> None:
    """In a batch this read alone comes between the admission and the signature."""
    said_a_name = Resolution(make_unverified_request("eve", "corr"), mttr_minutes=5)
    payment = await owe_after(database, said_a_name)
    door = make_gate(database, choose_day(), **limits)
    people = ["ada", "bob", "cleo"][:needed]
    for person in people:
        assert await describe_hold(door, payment) != "goes"
        await approve(database, payment, person, "unverified:eve")
    assert await describe_hold(door, payment) == "goes"
    assert await door.find_holds_again([payment]) == {}
    async with database.transaction() as connection:
        await approvals.withdraw(connection, payment.id, people[-1], NOW)
    assert list(await door.find_holds_again([payment])) == [payment.id]


async def test_who_approves_sees_how_many_an_unverified_maker_takes(
    api: httpx.AsyncClient, database: Database
) -> None:
    said_a_name = Resolution(make_unverified_request("eve", "corr"), mttr_minutes=5)
    payment = await owe_after(database, said_a_name)
    hold = await make_gate(database, choose_day(), approval_above=500).find_hold(payment)
    assert hold is not None
    waiting = BlockPaymentInput(payment, hold.reason, NOW, PaymentStatus.ON_HOLD)
    assert await stop_payment(database, waiting)
    for person in ("ada", "bob"):
        await approve(database, payment, person, "unverified:eve")
    shown = await get_approval_request(database, payment.id)
    assert shown.needed == 3
    assert shown.payment.status_reason == (
        "1500 USDC waits for approval by 3 people, 2 have approved"
    )


def test_the_limit_is_on_by_default() -> None:
    default = SettlementSettings.model_fields["settlement_approval_above_stated"].default
    assert default == convert_to_stroops(500)
    assert Limits(approval_above_stated=default).any()
