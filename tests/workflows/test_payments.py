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
from tests.workflows.conftest import LIMIT_SECONDS, FakeActivities, adopt_transfer, down, until
from tests.workflows.fakes.fake_payment_activities import DETECTED, build_payment
from workflows.payments import PaymentWorkflow

Handle = WorkflowHandle[PaymentWorkflow, Receipt]
HOUR = timedelta(hours=1)


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
    told = environment.client.get_workflow_handle("webhook/dlv-blocked-patient")
    assert await told.result() == "success"

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


async def test_a_quarantined_payment_never_goes_on_by_itself(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.observations = [Observation(AttemptOutcome.FOREIGN)]
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, "foreign")
        await until(
            lambda: handle.query(PaymentWorkflow.timeline),
            lambda lines: "quarantined" in str(lines),
        )
    assert fakes.payments.asked.count("submit_payment") == 1
    assert fakes.payments.asked[-1] == "quarantine_payment"
    await handle.terminate()


async def test_a_retry_while_a_payment_is_put_in_quarantine_is_not_lost(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    """The database says so before the workflow knows: whoever reads it there may act at once."""
    fakes.payments.observations = [Observation(AttemptOutcome.FOREIGN)]
    fakes.payments.troubles["quarantine_payment"] = down
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, "answered-early")
        await until(
            lambda: handle.query(PaymentWorkflow.timeline),
            lambda lines: "cannot quarantine payment" in str(lines),
        )
        await handle.signal(PaymentWorkflow.retry)
        del fakes.payments.troubles["quarantine_payment"]
        await environment.fast_forward(handle, timedelta(minutes=1))
        async with asyncio.timeout(LIMIT_SECONDS):
            await handle.result()


async def test_a_quarantined_payment_is_checked_again_in_case_a_signal_was_lost(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    attempt = Attempt("looked-at", 1, "GCHANNEL", 7, 100, "hash-1", "xdr", True)
    fakes.payments.holds = [Prepared(attempt)] * 30
    fakes.payments.observations = [Observation(AttemptOutcome.FOREIGN)] * 8
    handle = await begun(environment, "looked-at")
    async with asyncio.timeout(LIMIT_SECONDS):
        await handle.result()
    assert len(set(fakes.payments.asked)) == 5
    # Each time opens the circuit breaker, and nobody has asked for that again.
    assert await quarantines(handle) == 1
    told = await handle.query(PaymentWorkflow.timeline)
    looks = [entry.at for entry in told if "quarantined: " in entry.what]
    hours = [round((after - before) / HOUR) for before, after in itertools.pairwise(looks)]
    assert hours == [1, 2, 4, 8, 16, 24, 24]


async def quarantines(handle: Handle) -> int:
    """Return how often the activity ran to its end; a fake may be asked more than once for it."""
    markers = [
        event.marker_recorded_event_attributes.details["data"].payloads[0].data
        for event in (await handle.fetch_history()).events
        if event.marker_recorded_event_attributes.marker_name == "core_local_activity"
    ]
    return sum(json.loads(marker)["activity_type"] == "quarantine_payment" for marker in markers)


async def test_failed_transactions_are_followed_after_growing_pauses(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    """Each one costs its fee."""
    fakes.payments.observations = [Observation(AttemptOutcome.FAILED_RETRY, reason="txFAILED")] * 12
    handle = await begun(environment, "failing")
    async with asyncio.timeout(LIMIT_SECONDS):
        await handle.result()
    told = await handle.query(PaymentWorkflow.timeline)
    failed = [entry.at for entry in told if "signing anew" in entry.what]
    pauses = [(after - before).total_seconds() for before, after in itertools.pairwise(failed)]
    shortest = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert all(least <= pause < least + 30 for least, pause in zip(shortest, pauses, strict=True))


BY_HAND = MatchTransferRequest("ab" * 32, "ticket 7", Request("admin", "corr-7"))


async def refused(handle: Handle, asked: MatchTransferRequest) -> ApplicationError:
    """Ask a payment to take a transfer for itself, and return why it would not."""
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await handle.execute_update(PaymentWorkflow.adopt, asked)
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


@pytest.mark.parametrize("waits", ["on_hold", "blocked", "gathered", "in line"])
async def test_a_waiting_payment_takes_an_out_of_band_transfer(
    environment: WorkflowEnvironment, fakes: FakeActivities, waits: str
) -> None:
    far, held = DETECTED.replace(year=2126), make_reason("above the cap")
    fakes.payments.holds = {
        "on_hold": [OnHold(held, far)],
        "blocked": [Blocked(make_reason("no trustline"))],
        "gathered": [InBatch()],
        "in line": [AwaitingChannel(far)],
    }[waits]
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, f"adopted-{waits}")

        async def asked() -> int:
            return fakes.payments.asked.count("prepare_payment")

        await until(asked, lambda times: times == 1)
        await adopt_transfer(handle, BY_HAND)
        receipt = await handle.result()
    assert receipt.transaction_hash == BY_HAND.transaction_hash
    assert fakes.payments.sent == []
    told = [entry.what for entry in await handle.query(PaymentWorkflow.timeline)]
    assert f"admin matched transaction {BY_HAND.transaction_hash}" in told


async def test_a_transfer_that_does_not_match_is_refused_and_the_payment_waits_on(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.holds = [Blocked(make_reason("no trustline"))]
    strange = Invalid("transaction_hash", "is not what it owes")
    fakes.payments.troubles["match_transfer"] = lambda: strange
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, "strange")
        error = await refused(handle, BY_HAND)
        assert (error.type, error.details[0]) == ("invalid", "transaction_hash")
        for odd in (replace(BY_HAND, transaction_hash="ab"), replace(BY_HAND, note=" ")):
            assert (await refused(handle, odd)).type == "invalid"
        assert fakes.payments.asked.count(f"match_transfer {BY_HAND.transaction_hash}") == 1
        await handle.signal(PaymentWorkflow.retry)
        assert (await handle.result()).transaction_hash == "hash-2"


async def test_no_transfer_is_matched_while_its_own_bytes_are_under_way(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.troubles["observe_payment"] = down
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, "sent-already")

        async def sent() -> list[str]:
            return fakes.payments.sent

        await until(sent, bool)
        error = await refused(handle, BY_HAND)
        assert (error.type, "has signed bytes" in error.message) == ("conflict", True)
        fakes.payments.troubles.clear()
    assert (await handle.result()).transaction_hash == "hash-1"
    assert fakes.payments.adopted == ""
