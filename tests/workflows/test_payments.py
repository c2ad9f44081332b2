"""The life of a payment: what is proven moves it on, and nothing else does."""

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.attempts import Observation, Outcome, Preparation
from domain.payments import Receipt
from tests.workflows.conftest import DETECTED, Steps, payment, until
from workflows.payments import PaymentWorkflow

Life = WorkflowHandle[PaymentWorkflow, Receipt]


async def begun(environment: WorkflowEnvironment, name: str) -> Life:
    return await environment.client.start_workflow(
        PaymentWorkflow.run, payment(name), id=f"payment/{name}", task_queue="settlement"
    )


async def test_a_payment_is_sent_and_booked_once(
    environment: WorkflowEnvironment, steps: Steps
) -> None:
    receipt = await (await begun(environment, "plain")).result()
    assert receipt.transaction_hash == "hash-1"
    assert steps.payments.asked == [
        "prepare_payment",
        "submit_payment",
        "observe_payment",
        "book_payment",
    ]


async def test_while_nothing_is_proven_the_same_bytes_are_sent_again(
    environment: WorkflowEnvironment, steps: Steps
) -> None:
    steps.payments.observations = [Observation(Outcome.OPEN)] * 4
    await (await begun(environment, "open")).result()
    assert steps.payments.sent == ["hash-1"] * 5
    assert steps.payments.asked.count("prepare_payment") == 1


async def test_only_proof_of_death_lets_new_bytes_be_signed(
    environment: WorkflowEnvironment, steps: Steps
) -> None:
    steps.payments.observations = [
        Observation(Outcome.EXPIRED),
        Observation(Outcome.FAILED_RETRY, reason="txFAILED"),
    ]
    receipt = await (await begun(environment, "expired")).result()
    assert steps.payments.sent == ["hash-1", "hash-2", "hash-3"]
    assert steps.payments.asked.count("fail_attempt") == 1
    assert receipt.transaction_hash == "hash-3"


async def test_a_parked_payment_goes_on_when_told_or_after_an_hour(
    environment: WorkflowEnvironment, steps: Steps
) -> None:
    steps.payments.obstacles = ["the payee has no trustline"]
    await (await begun(environment, "patient")).result()
    assert "park_payment the payee has no trustline" in steps.payments.asked
    told = environment.client.get_workflow_handle("webhook/dlv-parked-patient")
    assert await told.result() == "success"

    steps.payments.obstacles = ["the payee has no trustline"]
    with environment.with_time_skipping_disabled():
        life = await begun(environment, "mended")
        await until(
            lambda: life.query(PaymentWorkflow.timeline), lambda lines: "parked" in str(lines)
        )
        await life.signal(PaymentWorkflow.retry)
        await life.result()


async def test_a_held_payment_looks_again_when_it_was_told_to_and_says_so_once(
    environment: WorkflowEnvironment, steps: Steps
) -> None:
    past = DETECTED  # the instant to look again has come already
    steps.payments.holds = [Preparation(None, "the day is used up", again_at=past)] * 3
    steps.payments.holds.append(Preparation(None, "another day is used up", again_at=past))
    receipt = await (await begun(environment, "held")).result()
    assert [receipt.transaction_hash] == steps.payments.sent
    # A step may run twice; what it says is not said in between.
    assert list(dict.fromkeys(step for step in steps.payments.asked if "hold" in step)) == [
        "hold_payment the day is used up",
        "hold_payment another day is used up",
    ]


async def test_a_payment_waits_in_line_for_a_channel_by_a_timer(
    environment: WorkflowEnvironment, steps: Steps
) -> None:
    steps.payments.holds = [
        Preparation(None, "all busy", again_at=DETECTED.replace(year=year), queued=True)
        for year in (2226, 2326)
    ]
    life = await begun(environment, "queued")
    receipt = await life.result()
    assert [receipt.transaction_hash] == steps.payments.sent
    assert not [step for step in steps.payments.asked if "hold" in step or "park" in step]
    events = [event async for event in life.fetch_history_events()]
    assert sum(event.HasField("timer_fired_event_attributes") for event in events) == 2


async def test_a_held_payment_goes_on_at_once_when_told(
    environment: WorkflowEnvironment, steps: Steps
) -> None:
    far = DETECTED.replace(year=2126)
    steps.payments.holds = [Preparation(None, "waits for approval", again_at=far)]
    with environment.with_time_skipping_disabled():
        life = await begun(environment, "approved")
        await until(
            lambda: life.query(PaymentWorkflow.timeline), lambda lines: "held: " in str(lines)
        )
        assert steps.payments.sent == []
        await life.signal(PaymentWorkflow.retry)
        await life.result()
    assert len(steps.payments.sent) == 1


async def test_a_quarantined_payment_never_goes_on_by_itself(
    environment: WorkflowEnvironment, steps: Steps
) -> None:
    steps.payments.observations = [Observation(Outcome.FOREIGN)]
    with environment.with_time_skipping_disabled():
        life = await begun(environment, "foreign")
        await until(
            lambda: life.query(PaymentWorkflow.timeline),
            lambda lines: "quarantined" in str(lines),
        )
    assert steps.payments.asked.count("submit_payment") == 1
    assert steps.payments.asked[-1] == "quarantine_payment"
    await life.terminate()
