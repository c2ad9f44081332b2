"""What the list of workflows shows that an outage and its payment wait for: true to the end, at one write a state."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.reasons import ReasonCode, Wait, WaitsFor
from domain.settlement.attempts import AttemptOutcome, Blocked, Observation, OnHold, Voided
from domain.sla.disputes import Dispute, DisputeDecision
from domain.sla.outages import OutageStatus
from tests.testkit.reasons import make_reason
from tests.workflows.conftest import FakeActivities, until
from tests.workflows.fakes.fake_outage_activities import ASKER, declaration
from tests.workflows.fakes.fake_payment_activities import DETECTED, build_payment
from tests.workflows.test_outages import LATE
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow
from workflows.visibility import search_attributes

FAR = DETECTED + timedelta(days=100_000)
SINCE = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
UPSERT = EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES
Handle = WorkflowHandle[Any, Any]


async def begin(client: Client, outage_id: str) -> Handle:
    """Start the workflow of an outage as the API does."""
    declared = declaration(outage_id)
    return await client.start_workflow(
        OutageWorkflow.run,
        declared,
        id=f"outage/{outage_id}",
        task_queue="outages",
        search_attributes=search_attributes.make_search_attributes(declared),
    )


async def read_shown(handle: Handle) -> dict[str, Any]:
    described = await handle.describe()
    return {pair.key.name: pair.value for pair in described.typed_search_attributes}


async def shows(handle: Handle, word: WaitsFor) -> dict[str, Any]:
    """Wait until a workflow shows what it waits for; return all that it shows."""
    await until(lambda: read_shown(handle), lambda shown: shown.get("WaitsFor") == word)
    return await read_shown(handle)


async def read_sentence(handle: Handle) -> str:
    described: Any = await handle.query("__temporal_workflow_metadata")
    return str(described.current_details)


async def count_writes(handle: Handle) -> int:
    history = await handle.fetch_history()
    return sum(event.event_type == UPSERT for event in history.events)


async def test_an_undisturbed_outage_shows_each_state_and_writes_three_times(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.window_seconds = 3
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "undisturbed")
        shown = await shows(handle, WaitsFor.REPAIR)
        assert (shown["WaitsSince"], shown["Agreement"]) == (DETECTED, declaration("").agreement)
        assert "AmountUsdc" not in shown
        judged = await handle.execute_update(OutageWorkflow.resolve, LATE)
        shown = await shows(handle, WaitsFor.WINDOW)
        deadline = judged.dispute_deadline
        assert (shown["WaitsSince"], shown["Deadline"]) == (
            deadline - timedelta(seconds=3),
            deadline,
        )
        assert (shown["AmountUsdc"], shown["SlaStatus"]) == (1000.0, "violated")
        until_when = f"; open to disputes until {deadline:%Y-%m-%d %H:%M:%S} UTC"
        assert (await read_sentence(handle)).endswith(until_when)
    assert await handle.result() is OutageStatus.CLOSED
    shown = await read_shown(handle)
    assert (shown["WaitsFor"], shown["OutageStatus"], "Deadline" in shown) == (
        "nothing",
        "closed",
        False,
    )
    assert await count_writes(handle) == 3


async def test_a_decision_changes_what_the_list_shows(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "rejudged")
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        dispute = Dispute("dsp-7", "rejudged", "the power came back", ASKER)
        filed = await handle.execute_update(OutageWorkflow.file_dispute, dispute)
        shown = await shows(handle, WaitsFor.DECISION)
        assert shown["Deadline"] == filed.decision_deadline
        said = await read_sentence(handle)
        assert said.startswith(
            "a penalty of 1000 USDC waits for a decision of dispute dsp-7 until "
        )
        decision = DisputeDecision("dsp-7", True, ASKER, "so it is", mttr_minutes=5)
        judged = await handle.execute_update(OutageWorkflow.decide_dispute, decision)
    await handle.result()
    shown = await read_shown(handle)
    assert (shown["SlaStatus"], shown["OutageStatus"]) == ("met", "closed")
    assert shown["AmountUsdc"] == judged.payment.amount_stroops / 10_000_000 != 1000.0


@pytest.mark.parametrize(
    ("name", "stop", "word"),
    [
        ("approved", OnHold(make_reason("two", ReasonCode.APPROVAL_REQUIRED), FAR), "approval"),
        ("capped", OnHold(make_reason("above", ReasonCode.CAP_PER_PAYMENT), FAR), "cap"),
        ("broken", OnHold(make_reason("open", ReasonCode.CIRCUIT_BREAKER_OPEN), FAR), "halt"),
        ("unready", Blocked(make_reason("none", ReasonCode.PAYEE_NO_TRUSTLINE)), "payee"),
        ("unfunded", Blocked(make_reason("poor", ReasonCode.TREASURY_UNDERFUNDED)), "treasury"),
    ],
)
async def test_what_stops_a_payment_is_shown_of_it_and_of_its_outage_until_it_goes_on(
    environment: WorkflowEnvironment,
    fakes: FakeActivities,
    name: str,
    stop: OnHold | Blocked,
    word: str,
) -> None:
    fakes.outages.window_seconds = 0
    fakes.outages.stopped = Wait(WaitsFor(word), SINCE, None, stop.reason.sentence)
    # The activity finds it stopped, and so does the workflow that it needs then.
    fakes.payments.holds = [stop] * 2
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, name)
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        paying = environment.client.get_workflow_handle(f"payment/{name}/1")
        shown = await shows(handle, WaitsFor(word))
        assert (shown["WaitsSince"], shown["AmountUsdc"]) == (SINCE, 1000.0)
        sentence = f"a penalty of 1000 USDC waits since 2026-01-31 12:30:00 UTC: {stop.reason}"
        assert await read_sentence(handle) == sentence
        shown = await shows(paying, WaitsFor(word))
        assert (shown["AmountUsdc"], shown["Agreement"]) == (1000.0, declaration("").agreement)
        fakes.outages.stopped = None
        await paying.signal(PaymentWorkflow.retry)
        assert await handle.result() is OutageStatus.CLOSED
    for each in (handle, paying):
        assert (await read_shown(each))["WaitsFor"] == "nothing"
    paid = await read_sentence(paying)
    assert paid.startswith("paid 1000 USDC to GPROVIDER by transaction hash-")
    # It stopped, it went on, and it ended.
    assert await count_writes(paying) == 3


async def test_a_payment_that_no_ledger_takes_up_is_shown_to_wait_for_the_network(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.observations = [Observation(AttemptOutcome.OPEN)] * 3
    handle = await environment.client.start_workflow(
        PaymentWorkflow.run, build_payment("slow"), id="payment/slow", task_queue="settlement"
    )
    await handle.result()
    history = await handle.fetch_history()
    words = [
        event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields[
            "WaitsFor"
        ].data
        for event in history.events
        if event.event_type == UPSERT
    ]
    assert words == [b'"network"', b'"nothing"']


async def test_a_voided_payment_says_so_and_waits_for_nothing(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    hold = OnHold(make_reason("two", ReasonCode.APPROVAL_REQUIRED), DETECTED)
    fakes.payments.holds = [hold, *[Voided()] * 5]  # a step may run twice
    handle = await environment.client.start_workflow(
        PaymentWorkflow.run, build_payment("void"), id="payment/void", task_queue="settlement"
    )
    await handle.result()
    assert (await read_shown(handle))["WaitsFor"] == "nothing"
    assert await read_sentence(handle) == "voided: there is nothing to pay"


async def test_the_cap_of_a_day_is_waited_for_until_midnight(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.holds = [OnHold(make_reason("used up", ReasonCode.CAP_PER_DAY), FAR)]
    with environment.with_time_skipping_disabled():
        handle = await environment.client.start_workflow(
            PaymentWorkflow.run, build_payment("day"), id="payment/day", task_queue="settlement"
        )
        shown = await shows(handle, WaitsFor.CAP)
        day = shown["WaitsSince"].date() + timedelta(days=1)
        assert shown["Deadline"] == datetime(day.year, day.month, day.day, tzinfo=UTC)
        await handle.signal(PaymentWorkflow.retry)
        await handle.result()
