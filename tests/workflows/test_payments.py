"""The workflow of a payment: what is proven moves it on, and nothing else does."""

import asyncio
import itertools

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.settlement.attempts import (
    AttemptOutcome,
    AwaitingChannel,
    Observation,
    OnHold,
)
from domain.settlement.payments import Receipt
from tests.testkit.reasons import make_reason
from tests.workflows.conftest import LIMIT_SECONDS, FakeActivities, until
from tests.workflows.fakes.fake_payment_activities import DETECTED, build_payment
from workflows.payments import PaymentWorkflow

Handle = WorkflowHandle[PaymentWorkflow, Receipt]


async def begun(environment: WorkflowEnvironment, name: str) -> Handle:
    return await environment.client.start_workflow(
        PaymentWorkflow.run, build_payment(name), id=f"payment/{name}", task_queue="settlement"
    )


async def test_a_payment_is_sent_and_posted_once(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    receipt = await (await begun(environment, "plain")).result()
    assert receipt.transaction_hash == "hash-1"
    assert fakes.payments.asked == [
        "prepare_payment",
        "submit_payment",
        "observe_payment",
        "confirm_payment",
    ]


async def test_while_nothing_is_proven_the_same_bytes_are_sent_again(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.observations = [Observation(AttemptOutcome.OPEN)] * 4
    await (await begun(environment, "open")).result()
    assert fakes.payments.sent == ["hash-1"] * 5
    assert fakes.payments.asked.count("prepare_payment") == 1


async def test_only_proof_of_death_lets_new_bytes_be_signed(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.observations = [
        Observation(AttemptOutcome.EXPIRED),
        Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED"),
    ]
    receipt = await (await begun(environment, "expired")).result()
    assert fakes.payments.sent == ["hash-1", "hash-2", "hash-3"]
    assert fakes.payments.asked.count("fail_attempt") == 1
    assert receipt.transaction_hash == "hash-3"


async def test_a_blocked_payment_retries_when_signalled_or_after_an_hour(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.obstacles = ["the payee has no trustline"]
    await (await begun(environment, "patient")).result()
    assert "block_payment the payee has no trustline" in fakes.payments.asked

    fakes.payments.obstacles = ["the payee has no trustline"]
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, "mended")
        await until(
            lambda: handle.query(PaymentWorkflow.timeline), lambda lines: "blocked" in str(lines)
        )
        await handle.signal(PaymentWorkflow.retry)
        await handle.result()


async def test_a_payment_on_hold_checks_again_at_the_given_time_and_notes_it_once(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    past = DETECTED  # the instant to look again has come already
    fakes.payments.holds = [OnHold(make_reason("the day is used up"), past)] * 3
    fakes.payments.holds.append(OnHold(make_reason("another day is used up"), past))
    receipt = await (await begun(environment, "on_hold")).result()
    assert {receipt.transaction_hash} == set(fakes.payments.sent)  # a step may run twice
    # A step may run twice; what it says is not said in between.
    assert list(dict.fromkeys(step for step in fakes.payments.asked if "hold" in step)) == [
        "hold_payment the day is used up",
        "hold_payment another day is used up",
    ]


async def test_a_payment_without_a_free_channel_waits_by_a_timer(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.holds = [AwaitingChannel(DETECTED.replace(year=year)) for year in (2226, 2326)]
    handle = await begun(environment, "queued")
    receipt = await handle.result()
    assert {receipt.transaction_hash} == set(fakes.payments.sent)  # a step may run twice
    assert not [step for step in fakes.payments.asked if "hold" in step or "park" in step]
    events = [event async for event in handle.fetch_history_events()]
    assert sum(event.HasField("timer_fired_event_attributes") for event in events) == 2


async def test_a_payment_on_hold_goes_on_at_once_when_signalled(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    far = DETECTED.replace(year=2126)
    fakes.payments.holds = [OnHold(make_reason("waits for approval"), far)]
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, "approved")
        await until(
            lambda: handle.query(PaymentWorkflow.timeline), lambda lines: "on hold: " in str(lines)
        )
        assert fakes.payments.sent == []
        await handle.signal(PaymentWorkflow.retry)
        await handle.result()
    assert len(set(fakes.payments.sent)) == 1


async def test_failed_transactions_are_followed_after_growing_pauses(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    """Each one costs its fee."""
    fakes.payments.observations = [Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")] * 12
    handle = await begun(environment, "failing")
    async with asyncio.timeout(LIMIT_SECONDS):
        await handle.result()
    delivery = await handle.query(PaymentWorkflow.timeline)
    failed = [entry.at for entry in delivery if "signing anew" in entry.what]
    pauses = [(after - before).total_seconds() for before, after in itertools.pairwise(failed)]
    shortest = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert all(least <= pause < least + 30 for least, pause in zip(shortest, pauses, strict=True))
