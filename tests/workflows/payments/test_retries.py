"""A retry is taken at once wherever a payment waits by a timer."""

from contextlib import suppress

import pytest
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from domain.errors import Conflict
from domain.settlement.attempts import AttemptOutcome, Observation
from tests.workflows.conftest import FakeActivities, until
from tests.workflows.test_payments import begun
from workflows.payments import PaymentWorkflow

FAILED = Observation(AttemptOutcome.FAILED_RETRY, 42, reason="in a ledger without effect")


@pytest.mark.parametrize("waits", ["refused", "failed"])
async def test_a_payment_that_is_notified_to_try_again_does_not_wait_for_its_timer(
    environment: WorkflowEnvironment, fakes: FakeActivities, waits: str
) -> None:
    """A minute after a refusal; a while that doubles, of four seconds and more here, after failures."""
    if waits == "refused":
        fakes.payments.troubles["prepare_payment"] = lambda: Conflict("it has another end")
    else:
        fakes.payments.observations = [FAILED] * 5
    noted = {"refused": "cannot go on: it has another end", "failed": "signing anew in 16 seconds"}
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, f"told-{waits}")

        async def read_noted() -> list[str]:
            timeline = [entry.what for entry in await handle.query(PaymentWorkflow.timeline)]
            await notify()
            return timeline

        async def notify() -> None:
            with suppress(RPCError):  # it may be over by now
                await handle.signal(PaymentWorkflow.retry)

        await until(read_noted, lambda found: any(noted[waits] in each for each in found))
        fakes.payments.troubles.clear()
        await notify()
        receipt = await handle.result()
    assert receipt.payment_id == f"told-{waits}"
