"""What is on record holds: use cases refuse whoever knows less, and answer the same request again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from activities.sla.disputes import DisputeActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.recovery import unfinished as records
from adapters.postgres.settlement import admissions
from adapters.postgres.tables import approvals
from devstack.environment.stack import Stack
from domain.errors import Conflict
from domain.requests import Request
from domain.settlement.approvals import compute_digest
from domain.sla.disputes import (
    DecideDisputeInput,
    Dispute,
    DisputeDecision,
    FileDisputeInput,
    Review,
    ReviewDisputeInput,
)
from domain.sla.outages import Amendment, AmendOutageInput, OutageStatus, Resolution
from domain.sla.outages import JudgeOutageInput as Judging
from services.sla.disputes.read_answer import read_decision
from services.sla.outages.read_answer import read_amendment, read_resolution
from tests.testkit import stacks
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import (
    ASKER,
    DETECTED,
    NOW,
    judge_outage,
    make_owe_input,
    owe_payment,
)

OTHER = Request("somebody else", "corr-other")


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def dispute_outage(
    scratch: Database,
) -> tuple[str, OutageActivitiesImpl, DisputeActivitiesImpl]:
    outage_id = make_unique_id("TRUTH")
    judging = await judge_outage(scratch, outage_id, 25)
    disputing = DisputeActivitiesImpl(scratch, "sandbox")
    dispute = Dispute(f"dsp-{outage_id}", outage_id, "not ours", ASKER)
    await disputing.file_dispute(FileDisputeInput(dispute, 1, 3600, NOW))
    return outage_id, judging, disputing


async def test_nothing_is_owed_while_a_dispute_is_open_whoever_asks(scratch: Database) -> None:
    outage_id, judging, disputing = await dispute_outage(scratch)
    settling = await make_owe_input(scratch, outage_id)
    with pytest.raises(Conflict, match="is open; nothing is paid until it is decided"):
        await judging.owe_payment(settling)
    await disputing.review_dispute(
        ReviewDisputeInput(outage_id, Review(f"dsp-{outage_id}", ASKER), NOW)
    )
    with pytest.raises(Conflict, match="under review"):
        await judging.owe_payment(settling)
    await disputing.decide_dispute(DecideDisputeInput(outage_id, f"dsp-{outage_id}", None, NOW))
    assert (await judging.owe_payment(settling)).version == 6


async def test_the_second_of_two_decisions_is_refused_with_what_holds(scratch: Database) -> None:
    outage_id, _, disputing = await dispute_outage(scratch)
    first = DisputeDecision(f"dsp-{outage_id}", True, ASKER, "it was 5", 5)
    deciding = DecideDisputeInput(outage_id, first.dispute_id, first, NOW)
    judged = await disputing.decide_dispute(deciding)
    again = await disputing.decide_dispute(deciding)
    assert (again.verdict, again.version) == (judged.verdict, judged.version)
    assert await read_decision(scratch, first) is not None
    for other in (
        replace(first, request=OTHER),
        replace(first, mttr_minutes=6),
        replace(first, upheld=False, mttr_minutes=None),
    ):
        with pytest.raises(Conflict, match="was resolved with 5 minutes to repair by tester"):
            await disputing.decide_dispute(replace(deciding, decision=other))
        with pytest.raises(Conflict, match="was resolved with 5 minutes to repair by tester"):
            await read_decision(scratch, other)
    # The time to decide runs out at the same moment: what was decided holds.
    assert (await disputing.decide_dispute(replace(deciding, decision=None))).revision == 2


async def test_another_resolve_is_refused_and_the_same_one_answered_again(
    scratch: Database,
) -> None:
    outage_id = make_unique_id("TRUTH")
    activities = await judge_outage(scratch, outage_id, 25)
    resolution = Resolution(ASKER, DETECTED + timedelta(minutes=5))
    with pytest.raises(Conflict, match="is disputable and cannot be resolved"):
        await activities.judge_outage(Judging(outage_id, resolution, 60, NOW, "another"))
    same = await activities.judge_outage(Judging(outage_id, resolution, 60, NOW, ""))
    assert same.verdict.mttr_minutes == 25
    with pytest.raises(Conflict, match="is disputable and cannot be resolved"):
        await read_resolution(scratch, outage_id, "another", "sandbox", NOW)
    answered = await read_resolution(scratch, outage_id, "", "sandbox", NOW)
    assert answered is not None
    assert answered.verdict == same.verdict


async def test_a_correction_asked_for_again_does_not_undo_the_next(scratch: Database) -> None:
    outage_id = make_unique_id("TRUTH")
    activities = await judge_outage(scratch, outage_id, 25)
    first, second = [
        AmendOutageInput(outage_id, Amendment(ASKER, {"description": text}), text, NOW)
        for text in ("first", "second")
    ]
    assert await read_amendment(scratch, first) is None
    versions = [await activities.amend_outage(each) for each in (first, second, first)]
    assert versions == [3, 4, 4]
    assert await read_amendment(scratch, first) == 4
    late = replace(first, amendment=Amendment(ASKER, {"severity": "low"}), key="late")
    with pytest.raises(Conflict, match="severity: may not be changed"):
        await activities.amend_outage(late)


async def test_the_state_of_an_outage_is_read_as_it_stands(scratch: Database) -> None:
    outage_id, judging, disputing = await dispute_outage(scratch)
    state = await judging.read_outage_state(outage_id)
    assert (state.status, state.version, state.decided) == (OutageStatus.DISPUTED, 3, False)
    assert state.dispute is not None
    assert state.judgement is not None
    assert state.judgement.verdict.mttr_minutes == 25
    decision = DisputeDecision(state.dispute.dispute_id, False, ASKER, "it stands")
    deciding = DecideDisputeInput(outage_id, decision.dispute_id, decision, NOW)
    judged = await disputing.decide_dispute(deciding)
    state = await judging.read_outage_state(outage_id)
    assert (state.version, state.decided) == (judged.version, True)


async def test_what_is_unfinished_is_listed_until_it_is_final(scratch: Database) -> None:
    payment = await owe_payment(scratch)
    async with scratch.autocommit() as connection:
        outages = await records.list_outages(connection, "", [payment.outage_id])
        assert [each.workflow_id for each in outages] == [f"outage/{payment.outage_id}"]
        assert (outages[0].status, outages[0].version) == (OutageStatus.SETTLING, 3)
        changed = await records.list_changed(
            connection, datetime.now(UTC) - timedelta(minutes=5), "", timedelta(0)
        )
        assert payment.outage_id in {each.outage_id for each in changed}
        owed = await records.list_payments(connection, "", [payment.id])
        assert [each.subject for each in owed] == [payment]


async def test_an_approver_who_may_be_the_unverified_maker_does_not_count(
    scratch: Database,
) -> None:
    payment = await owe_payment(scratch)
    async with scratch.transaction() as connection:
        for name, makers in (("ada", ["unverified:op"]), ("bob", ["unverified:op"])):
            await connection.execute(
                approvals.insert().values(
                    payment_id=payment.id,
                    approver=name,
                    makers=makers,
                    digest=compute_digest(payment),
                    note="",
                    approved_at=NOW,
                )
            )
        assert (await admissions.lock(connection, payment)).approvers == 1
