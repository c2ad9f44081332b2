"""The workflow of a payment: what is proven moves it on, and nothing else does."""

import asyncio
import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from domain.errors import Invalid
from domain.requests import Request
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    AwaitingChannel,
    Blocked,
    InBatch,
    Observation,
    OnHold,
    Prepared,
)
from domain.settlement.manual_matches import MatchTransferRequest
from domain.settlement.payments import Receipt
from tests.testkit.reasons import make_reason
from tests.workflows.conftest import LIMIT_SECONDS, FakeActivities, down, until
from tests.workflows.fake_payment_activities import DETECTED, build_payment
from workflows.payments import PaymentWorkflow

Life = WorkflowHandle[PaymentWorkflow, Receipt]
HOUR = timedelta(hours=1)


async def begun(environment: WorkflowEnvironment, name: str) -> Life:
    return await environment.client.start_workflow(
        PaymentWorkflow.run, build_payment(name), id=f"payment/{name}", task_queue="settlement"
    )


async def test_a_payment_is_sent_and_booked_once(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    receipt = await (await begun(environment, "plain")).result()
    assert receipt.transaction_hash == "hash-1"
    assert steps.payments.asked == [
        "prepare_payment",
        "submit_payment",
        "observe_payment",
        "confirm_payment",
    ]


async def test_while_nothing_is_proven_the_same_bytes_are_sent_again(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.payments.observations = [Observation(AttemptOutcome.OPEN)] * 4
    await (await begun(environment, "open")).result()
    assert steps.payments.sent == ["hash-1"] * 5
    assert steps.payments.asked.count("prepare_payment") == 1


async def test_only_proof_of_death_lets_new_bytes_be_signed(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.payments.observations = [
        Observation(AttemptOutcome.EXPIRED),
        Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED"),
    ]
    receipt = await (await begun(environment, "expired")).result()
    assert steps.payments.sent == ["hash-1", "hash-2", "hash-3"]
    assert steps.payments.asked.count("fail_attempt") == 1
    assert receipt.transaction_hash == "hash-3"


async def test_a_parked_payment_goes_on_when_told_or_after_an_hour(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.payments.obstacles = ["the payee has no trustline"]
    await (await begun(environment, "patient")).result()
    assert "block_payment the payee has no trustline" in steps.payments.asked
    told = environment.client.get_workflow_handle("webhook/dlv-parked-patient")
    assert await told.result() == "success"

    steps.payments.obstacles = ["the payee has no trustline"]
    with environment.with_time_skipping_disabled():
        life = await begun(environment, "mended")
        await until(
            lambda: life.query(PaymentWorkflow.timeline), lambda lines: "blocked" in str(lines)
        )
        await life.signal(PaymentWorkflow.retry)
        await life.result()


async def test_a_held_payment_looks_again_when_it_was_told_to_and_says_so_once(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    past = DETECTED  # the instant to look again has come already
    steps.payments.holds = [OnHold(make_reason("the day is used up"), past)] * 3
    steps.payments.holds.append(OnHold(make_reason("another day is used up"), past))
    receipt = await (await begun(environment, "on_hold")).result()
    assert {receipt.transaction_hash} == set(steps.payments.sent)  # a step may run twice
    # A step may run twice; what it says is not said in between.
    assert list(dict.fromkeys(step for step in steps.payments.asked if "hold" in step)) == [
        "hold_payment the day is used up",
        "hold_payment another day is used up",
    ]


async def test_a_payment_waits_in_line_for_a_channel_by_a_timer(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.payments.holds = [AwaitingChannel(DETECTED.replace(year=year)) for year in (2226, 2326)]
    life = await begun(environment, "queued")
    receipt = await life.result()
    assert {receipt.transaction_hash} == set(steps.payments.sent)  # a step may run twice
    assert not [step for step in steps.payments.asked if "hold" in step or "park" in step]
    events = [event async for event in life.fetch_history_events()]
    assert sum(event.HasField("timer_fired_event_attributes") for event in events) == 2


async def test_a_held_payment_goes_on_at_once_when_told(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    far = DETECTED.replace(year=2126)
    steps.payments.holds = [OnHold(make_reason("waits for approval"), far)]
    with environment.with_time_skipping_disabled():
        life = await begun(environment, "approved")
        await until(
            lambda: life.query(PaymentWorkflow.timeline), lambda lines: "on hold: " in str(lines)
        )
        assert steps.payments.sent == []
        await life.signal(PaymentWorkflow.retry)
        await life.result()
    assert len(set(steps.payments.sent)) == 1


async def test_a_quarantined_payment_never_goes_on_by_itself(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.payments.observations = [Observation(AttemptOutcome.FOREIGN)]
    with environment.with_time_skipping_disabled():
        life = await begun(environment, "foreign")
        await until(
            lambda: life.query(PaymentWorkflow.timeline),
            lambda lines: "quarantined" in str(lines),
        )
    assert steps.payments.asked.count("submit_payment") == 1
    assert steps.payments.asked[-1] == "quarantine_payment"
    await life.terminate()


async def test_a_word_that_comes_while_a_payment_is_put_in_quarantine_is_heard(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    """The book says so before the life knows: whoever reads it there may act at once."""
    steps.payments.observations = [Observation(AttemptOutcome.FOREIGN)]
    steps.payments.troubles["quarantine_payment"] = down
    with environment.with_time_skipping_disabled():
        life = await begun(environment, "answered-early")
        await until(
            lambda: life.query(PaymentWorkflow.timeline),
            lambda lines: "cannot quarantine payment" in str(lines),
        )
        await life.signal(PaymentWorkflow.retry)
        del steps.payments.troubles["quarantine_payment"]
        await environment.fast_forward(life, timedelta(minutes=1))
        async with asyncio.timeout(LIMIT_SECONDS):
            await life.result()


async def test_a_quarantined_payment_is_looked_at_again_in_case_a_word_was_lost(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    attempt = Attempt("looked-at", 1, "GCHANNEL", 7, 100, "hash-1", "xdr", True)
    steps.payments.holds = [Prepared(attempt)] * 30
    steps.payments.observations = [Observation(AttemptOutcome.FOREIGN)] * 8
    life = await begun(environment, "looked-at")
    async with asyncio.timeout(LIMIT_SECONDS):
        await life.result()
    assert len(set(steps.payments.asked)) == 5
    # Each time opens the circuit breaker, and nobody has asked for that again.
    assert await quarantines(life) == 1
    told = await life.query(PaymentWorkflow.timeline)
    looks = [entry.at for entry in told if "quarantined: " in entry.what]
    hours = [round((after - before) / HOUR) for before, after in itertools.pairwise(looks)]
    assert hours == [1, 2, 4, 8, 16, 24, 24]


async def quarantines(life: Life) -> int:
    """How often the step ran to its end; a stand-in may be asked more than once for it."""
    markers = [
        event.marker_recorded_event_attributes.details["data"].payloads[0].data
        for event in (await life.fetch_history()).events
        if event.marker_recorded_event_attributes.marker_name == "core_local_activity"
    ]
    return sum(json.loads(marker)["activity_type"] == "quarantine_payment" for marker in markers)


async def test_ever_longer_passes_between_transactions_that_fail(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    """Each one costs its fee."""
    steps.payments.observations = [Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")] * 12
    life = await begun(environment, "failing")
    async with asyncio.timeout(LIMIT_SECONDS):
        await life.result()
    told = await life.query(PaymentWorkflow.timeline)
    failed = [entry.at for entry in told if "signing anew" in entry.what]
    pauses = [(after - before).total_seconds() for before, after in itertools.pairwise(failed)]
    shortest = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert all(least <= pause < least + 30 for least, pause in zip(shortest, pauses, strict=True))


BY_HAND = MatchTransferRequest("ab" * 32, "ticket 7", Request("admin", "corr-7"))


async def refused(life: Life, asked: MatchTransferRequest) -> ApplicationError:
    """Ask a payment to take a transfer for itself, and return why it would not."""
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await life.execute_update(PaymentWorkflow.adopt, asked)
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


@pytest.mark.parametrize("waits", ["on_hold", "blocked", "gathered", "in line"])
async def test_whatever_it_waits_for_it_takes_a_transfer_by_hand_for_itself(
    environment: WorkflowEnvironment, steps: FakeActivities, waits: str
) -> None:
    far, held = DETECTED.replace(year=2126), make_reason("above the cap")
    steps.payments.holds = {
        "on_hold": [OnHold(held, far)],
        "blocked": [Blocked(make_reason("no trustline"))],
        "gathered": [InBatch()],
        "in line": [AwaitingChannel(far)],
    }[waits]
    with environment.with_time_skipping_disabled():
        life = await begun(environment, f"adopted-{waits}")

        async def asked() -> int:
            return steps.payments.asked.count("prepare_payment")

        await until(asked, lambda times: times == 1)
        await life.execute_update(PaymentWorkflow.adopt, BY_HAND)
        receipt = await life.result()
    assert receipt.transaction_hash == BY_HAND.transaction_hash
    assert steps.payments.sent == []
    told = [entry.what for entry in await life.query(PaymentWorkflow.timeline)]
    assert f"admin adopted transaction {BY_HAND.transaction_hash}" in told


async def test_what_is_not_the_payment_is_refused_and_it_waits_on(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.payments.holds = [Blocked(make_reason("no trustline"))]
    strange = Invalid("transaction_hash", "is not what it owes")
    steps.payments.troubles["match_transfer"] = lambda: strange
    with environment.with_time_skipping_disabled():
        life = await begun(environment, "strange")
        error = await refused(life, BY_HAND)
        assert (error.type, error.details[0]) == ("invalid", "transaction_hash")
        for odd in (replace(BY_HAND, transaction_hash="ab"), replace(BY_HAND, note=" ")):
            assert (await refused(life, odd)).type == "invalid"
        assert steps.payments.asked.count(f"match_transfer {BY_HAND.transaction_hash}") == 1
        await life.signal(PaymentWorkflow.retry)
        assert (await life.result()).transaction_hash == "hash-2"


async def test_while_its_own_bytes_are_on_their_way_nothing_is_adopted(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.payments.troubles["observe_payment"] = down
    with environment.with_time_skipping_disabled():
        life = await begun(environment, "sent-already")

        async def sent() -> list[str]:
            return steps.payments.sent

        await until(sent, bool)
        error = await refused(life, BY_HAND)
        assert (error.type, "bytes of its own on their way" in error.message) == ("conflict", True)
        steps.payments.troubles.clear()
    assert (await life.result()).transaction_hash == "hash-1"
    assert steps.payments.adopted == ""
