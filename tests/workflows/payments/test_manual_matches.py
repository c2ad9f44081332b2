"""A waiting payment takes an out-of-band transfer that an operator matches to it, and no other."""

from dataclasses import replace

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from domain.errors import Invalid
from domain.requests import Request
from domain.settlement.attempts import (
    AwaitingChannel,
    Blocked,
    InBatch,
    OnHold,
)
from domain.settlement.manual_matches import MatchTransferRequest
from domain.settlement.payments import Receipt
from tests.testkit.reasons import make_reason
from tests.workflows.conftest import FakeActivities, down, match_transfer, until
from tests.workflows.fakes.fake_payment_activities import DETECTED
from tests.workflows.test_payments import begun
from workflows.payments import PaymentWorkflow

Handle = WorkflowHandle[PaymentWorkflow, Receipt]
BY_HAND = MatchTransferRequest("ab" * 32, "ticket 7", Request("admin", "corr-7"))


async def refused(handle: Handle, asked: MatchTransferRequest) -> ApplicationError:
    """Ask a payment to take a transfer for itself, and return why it would not."""
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await handle.execute_update(PaymentWorkflow.match_transfer, asked)
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


@pytest.mark.parametrize("waits", ["on_hold", "blocked", "gathered", "in line"])
async def test_a_waiting_payment_takes_an_out_of_band_transfer(
    environment: WorkflowEnvironment, fakes: FakeActivities, waits: str
) -> None:
    far, above = DETECTED.replace(year=2126), make_reason("above the cap")
    fakes.payments.holds = {
        "on_hold": [OnHold(above, far)],
        "blocked": [Blocked(make_reason("no trustline"))],
        "gathered": [InBatch()],
        "in line": [AwaitingChannel(far)],
    }[waits]
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, f"adopted-{waits}")

        async def asked() -> int:
            return fakes.payments.asked.count("prepare_payment")

        await until(asked, lambda times: times == 1)
        await match_transfer(handle, BY_HAND)
        receipt = await handle.result()
    assert receipt.transaction_hash == BY_HAND.transaction_hash
    assert fakes.payments.sent == []
    timeline = [entry.what for entry in await handle.query(PaymentWorkflow.timeline)]
    assert f"admin matched transaction {BY_HAND.transaction_hash}" in timeline


async def test_a_transfer_that_does_not_match_is_refused_and_the_payment_waits_on(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.holds = [Blocked(make_reason("no trustline"))]
    refusal = Invalid("transaction_hash", "is not what it owes")
    fakes.payments.troubles["match_transfer"] = lambda: refusal
    with environment.with_time_skipping_disabled():
        handle = await begun(environment, "refusal")
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
    assert fakes.payments.matched_hash == ""
