"""A reopened outage owes nothing, and its next verdict is the next revision."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.sla import outages, verdicts
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.errors import Conflict
from domain.sla.outages import (
    Cancellation,
    CancelOutageInput,
    JudgeOutageInput,
    OutageStatus,
    ReopenOutageInput,
    ReopenRequest,
)
from domain.sla.outages import Resolution as Repair
from services.sla.outages.cancel_outage import cancel_outage
from services.sla.outages.reopen_outage import reopen_outage
from tests.services.settlement.test_void_debt import list_owed
from tests.testkit import stacks
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import (
    ASKER,
    DETECTED,
    NOW,
    judge_outage,
    make_owe_input,
)

SOON = NOW + timedelta(seconds=30)


@pytest.fixture(scope="module")
async def scratch(stack: Stack) -> AsyncIterator[Database]:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


def make_reopening(outage_id: str, key: str = "again") -> ReopenOutageInput:
    return ReopenOutageInput(outage_id, ReopenRequest(ASKER, "down again"), key, SOON)


async def test_the_next_verdict_is_the_next_revision_and_the_only_debt(scratch: Database) -> None:
    outage_id = make_unique_id("REOPEN")
    activities = await judge_outage(scratch, outage_id, 25)
    before = await make_owe_input(scratch, outage_id)
    await reopen_outage(scratch, make_reopening(outage_id))
    async with scratch.transaction() as connection:
        record = await outages.get(connection, outage_id, EVERYTHING)
        assert [each for each in await invariants.check(connection) if not each.overdue] == []
    assert (record.status, record.judged, record.resolved_at) == (OutageStatus.DECLARED, None, None)
    assert await list_owed(scratch, before.payment) == 0
    with pytest.raises(Conflict, match="has no verdict to pay for"):
        await activities.owe_payment(before)

    repair = Repair(ASKER, DETECTED + timedelta(minutes=45))
    judged = await activities.judge_outage(JudgeOutageInput(outage_id, repair, 60, SOON, "second"))
    assert (judged.revision, judged.verdict.mttr_minutes) == (2, 45)
    assert judged.payment.id != before.payment.id
    with pytest.raises(Conflict, match="is not the newest verdict"):
        await activities.owe_payment(before)
    owed = await activities.owe_payment(replace(before, payment=judged.payment))
    assert await list_owed(scratch, owed.payment) == owed.payment.amount_stroops
    async with scratch.transaction() as connection:
        assert [each for each in await invariants.check(connection) if not each.overdue] == []
        assert len(await verdicts.list_by_outage(connection, outage_id)) == 2


async def test_a_run_that_is_late_neither_reopens_nor_resolves_once_more(scratch: Database) -> None:
    outage_id = make_unique_id("REOPEN-LATE")
    activities = await judge_outage(scratch, outage_id, 25)
    first = await reopen_outage(scratch, make_reopening(outage_id))
    late = JudgeOutageInput(outage_id, Repair(ASKER, DETECTED + timedelta(minutes=25)), 60, NOW)
    with pytest.raises(Conflict, match="was reopened since"):
        await activities.judge_outage(late)
    await activities.judge_outage(replace(late, key="second", at=SOON))
    again = await reopen_outage(scratch, make_reopening(outage_id))
    assert again.version == first.version + 1
    async with scratch.autocommit() as connection:
        assert (
            await outages.get(connection, outage_id, EVERYTHING)
        ).status is OutageStatus.DISPUTABLE


async def test_what_is_owed_or_past_its_window_stays_judged(scratch: Database) -> None:
    outage_id = make_unique_id("REOPEN-OWED")
    activities = await judge_outage(scratch, outage_id, 25)
    past = replace(make_reopening(outage_id), at=NOW + timedelta(seconds=60))
    with pytest.raises(Conflict, match="its dispute window closed at"):
        await reopen_outage(scratch, past)
    await activities.owe_payment(await make_owe_input(scratch, outage_id))
    with pytest.raises(Conflict, match="is settling and cannot be reopened"):
        await reopen_outage(scratch, make_reopening(outage_id))


async def test_one_that_is_called_off_after_all_owes_nothing(scratch: Database) -> None:
    outage_id = make_unique_id("REOPEN")
    await judge_outage(scratch, outage_id, 25)
    await reopen_outage(scratch, make_reopening(outage_id))
    await cancel_outage(scratch, CancelOutageInput(outage_id, Cancellation(ASKER, "a drill"), SOON))
    async with scratch.transaction() as connection:
        record = await outages.get(connection, outage_id, EVERYTHING)
        assert [each for each in await invariants.check(connection) if not each.overdue] == []
    assert (record.status, record.judged) == (OutageStatus.CANCELLED, None)
