"""What is shown to be waited for ends when the wait does: nothing is listed for a person who cannot help any more."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.errors import Conflict
from domain.reasons import ReasonCode, Wait, WaitsFor
from domain.settlement.attempts import AwaitingChannel, OnHold
from domain.sla.attestations import Attestation
from domain.sla.outages import Amendment, OutageStatus
from domain.sla.verdicts import Severity
from tests.testkit.reasons import make_reason
from tests.workflows.conftest import FakeActivities, down, reaches, until
from tests.workflows.fakes.fake_outage_activities import ASKER, outage
from tests.workflows.fakes.fake_payment_activities import DETECTED, build_payment
from tests.workflows.outages.test_waits import (
    FAR,
    SINCE,
    Handle,
    begin,
    read_sentence,
    read_shown,
    shows,
)
from tests.workflows.test_attestations import PROBLEM, halted, notes
from tests.workflows.test_outage_states import on_record
from tests.workflows.test_outages import LATE
from workflows.attestations import AttestationWorkflow
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow

HOLD = OnHold(make_reason("two people", ReasonCode.APPROVAL_REQUIRED), FAR)


async def pay(environment: WorkflowEnvironment, name: str) -> Handle:
    return await environment.client.start_workflow(
        PaymentWorkflow.run, build_payment(name), id=f"payment/{name}", task_queue="settlement"
    )


@pytest.mark.parametrize("where", ["line", "batch"])
async def test_a_payment_that_was_approved_and_waits_for_its_turn_waits_for_nobody(
    environment: WorkflowEnvironment, fakes: FakeActivities, where: str
) -> None:
    name = f"approved-in-{where}"
    fakes.outages.window_seconds = 0
    fakes.outages.stopped = Wait(WaitsFor.APPROVAL, SINCE, None, "two people")
    fakes.payments.holds = [HOLD] * 2
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, name)
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        paying = environment.client.get_workflow_handle(f"payment/{name}/1")
        for each in (handle, paying):
            await shows(each, WaitsFor.APPROVAL)
        if where == "line":
            fakes.payments.holds = [AwaitingChannel(FAR)]
        else:
            fakes.payments.in_batch = 1
        fakes.outages.stopped = None
        await paying.signal(PaymentWorkflow.retry)
        for each in (handle, paying):
            await shows(each, WaitsFor.NETWORK)
        await paying.signal(PaymentWorkflow.retry)
        assert await handle.result() is OutageStatus.CLOSED


async def test_a_hold_that_could_not_be_recorded_is_neither_shown_nor_remembered(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.records = False
    fakes.payments.holds = [HOLD]
    with environment.with_time_skipping_disabled():
        paying = await pay(environment, "unrecorded")
        await until(lambda: ask(fakes), lambda asked: asked.count("hold_payment two people") > 0)
        fakes.payments.records = True
        fakes.payments.holds = [HOLD]
        await paying.signal(PaymentWorkflow.retry)
        await shows(paying, WaitsFor.APPROVAL)
        assert (await notes(paying)).count("on hold: two people") == 1
        await paying.signal(PaymentWorkflow.retry)
        await paying.result()


async def test_an_obstacle_that_could_not_be_recorded_blocks_nothing(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.payments.records = False
    fakes.payments.obstacles = ["no trustline"]
    with environment.with_time_skipping_disabled():
        paying = await pay(environment, "signed-meanwhile")
        await until(
            lambda: notes(paying), lambda lines: any("no trustline" in each for each in lines)
        )
        assert "WaitsFor" not in await read_shown(paying)
        assert not any(each.startswith("blocked") for each in await notes(paying))
        await environment.fast_forward(paying, timedelta(minutes=2))
        assert await paying.result()


async def ask(fakes: FakeActivities) -> list[str]:
    return fakes.payments.asked


async def test_what_is_put_on_hold_again_after_the_line_says_so_again(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    """Between the two the database showed that it moved."""
    hold = replace(HOLD, check_at=DETECTED)
    fakes.payments.holds = [hold, AwaitingChannel(DETECTED), hold]
    paying = await pay(environment, "twice-on-hold")
    await paying.result()
    assert (await notes(paying)).count("on hold: two people") == 2


async def test_a_window_is_over_at_its_deadline_whatever_halts_the_payment(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    handle = await halted(environment, fakes, "halted-late")
    with environment.with_time_skipping_disabled():
        fakes.outages.version = 2
        corrected = Amendment(ASKER, {"description": "a mast was hit"})
        await handle.execute_update(OutageWorkflow.amend, corrected)
        shown = await shows(handle, WaitsFor.HALT)
        assert "Deadline" not in shown
        assert (await read_sentence(handle)).endswith(f"nothing is paid: {PROBLEM}")
    await handle.terminate()


async def test_a_run_that_begins_while_the_attestation_is_halted_says_so(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.attestations.problems = [PROBLEM]
    state = on_record("begun-halted", OutageStatus.DISPUTABLE, halted=PROBLEM)
    assert state.judgement is not None
    fakes.outages.on_record = replace(state, judgement=replace(state.judgement, attest=True))
    fakes.outages.refusals["owe_payment"] = Conflict("the contract has not confirmed the verdict")
    with environment.with_time_skipping_disabled():
        attesting = await environment.client.start_workflow(
            AttestationWorkflow.run,
            Attestation("begun-halted", 1),
            id="attestation/begun-halted/1",
            task_queue="settlement",
        )
        await shows(attesting, WaitsFor.HALT)
        handle = await begin(environment.client, "begun-halted")
        await until(lambda: notes(handle), lambda lines: f"nothing is paid: {PROBLEM}" in lines)
        shown = await shows(handle, WaitsFor.HALT)
        assert "Deadline" not in shown
        for each in (handle, attesting):
            await each.terminate()


async def test_a_window_that_is_over_while_the_database_is_away_is_shown_as_over(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.window_seconds = 1
    fakes.outages.troubles["owe_payment"] = down
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "away")
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        await shows(handle, WaitsFor.WINDOW)
        shown = await shows(handle, WaitsFor.NETWORK)
        assert "Deadline" not in shown
        assert (await read_sentence(handle)).startswith("cannot owe payment: ")
    await handle.terminate()


async def test_a_declaration_that_is_refused_waits_for_nothing(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.refusals["record_outage"] = Conflict("on record already")
    handle = await begin(environment.client, "refused")
    assert await handle.result() is None
    shown = await read_shown(handle)
    assert (shown["WaitsFor"], "OutageStatus" in shown) == ("nothing", False)
    assert await read_sentence(handle) == "refused: on record already"


async def test_an_outage_whose_workflow_missed_a_version_ends_with_the_newest_state(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.outages.window_seconds = 0
    newest: dict[str, Any] = {"version": 9, "outage": outage("behind", Severity.LOW)}
    fakes.outages.changes["close_outage"] = on_record("behind", OutageStatus.CLOSED, **newest)
    with environment.with_time_skipping_disabled():
        handle = await begin(environment.client, "behind")
        await reaches(handle, OutageStatus.DECLARED)
        fakes.outages.version = 5  # somebody amended it, and the workflow was not told
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        assert await handle.result() is OutageStatus.CLOSED
    shown = await read_shown(handle)
    assert (shown["AcknowledgedVersion"], shown["Severity"]) == (9, "low")
    assert (shown["OutageStatus"], shown["WaitsFor"]) == ("closed", "nothing")
