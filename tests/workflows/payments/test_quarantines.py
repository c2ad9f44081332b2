"""A quarantined payment goes on when somebody says so, and no signal is lost."""

import asyncio
import itertools
import json
from datetime import timedelta

from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    Prepared,
)
from domain.settlement.payments import Receipt
from tests.workflows.conftest import LIMIT_SECONDS, FakeActivities, down, until
from tests.workflows.test_payments import begun
from workflows.payments import PaymentWorkflow

Handle = WorkflowHandle[PaymentWorkflow, Receipt]
HOUR = timedelta(hours=1)


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
    timeline = await handle.query(PaymentWorkflow.timeline)
    looks = [entry.at for entry in timeline if "quarantined: " in entry.what]
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
