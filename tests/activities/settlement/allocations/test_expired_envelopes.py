"""Members of a batch whose envelope has expired."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from activities.settlement.batches import BatchActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations
from adapters.postgres.tables import audit_entries
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from domain.access.principals import Principal
from domain.settlement.attempts import Attempt, SettlementRail
from domain.settlement.batches import Batch, EmptyBatch, Plan
from domain.settlement.payments import Payment
from services.settlement.approvals.withdraw_approval import WithdrawApproval, withdraw_approval
from tests.activities.settlement.limits.test_approvals import approve
from tests.activities.settlement.test_allocations import make_trustline_fault, plan_faults
from tests.activities.settlement.test_limits import make_gate
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.batch_factory import (
    count_credits,
    form_batch,
    read_statuses,
    run_until_accepted,
    submit_batch,
)
from tests.testkit.settlement.expired_envelopes import wait_until_expired
from tests.testkit.settlement.payment_factory import ASKER, owe_payment
from tests.testkit.settlement.preparations import get_attempt, get_reason

ONE_TRANSFER = Plan(SettlementRail.SOROBAN, 3600)


async def let_expire_together(
    database: Database, rail: Rail, *owed: Payment
) -> tuple[BatchActivitiesImpl, Batch, Attempt]:
    """Net payments into one transfer, and let its envelope expire unsent."""
    activities, batch = await form_batch(database, rail, ONE_TRANSFER, *owed)
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, batch))

    await wait_until_expired(rail, attempt)
    return activities, batch, attempt


async def test_an_expired_envelope_with_no_payable_member_is_followed_by_a_no_op_and_all_are_blocked(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    chain: httpx.AsyncClient,
) -> None:
    owed = [await owe_payment(database, "VOID", minutes) for minutes in (25, 30)]
    activities, batch, expired = await let_expire_together(database, rail, *owed)
    await plan_faults(chain, make_trustline_fault(stack))
    observed = await submit_batch(activities, batch)
    noop = observed.attempt
    assert (noop.channel, noop.sequence) == (expired.channel, expired.sequence)
    why = "the payee has no trustline for the asset"
    assert noop.noop_reason.startswith(why)
    for _ in range(2):
        failure = await activities.fail_batch(observed)
        assert failure.again is None
        # As the network says of each, once it is asked who is at fault.
        assert {out.payment_id: str(out.reason) for out in failure.removed} == {
            each.id: why for each in owed
        }
    assert await read_statuses(database, *owed) == [("blocked", why)] * 2
    assert await count_credits(stack, *owed) == [0, 0]
    await plan_faults(chain)
    activities, again = await form_batch(database, rail, ONE_TRANSFER, *owed)
    await activities.confirm_batch(await submit_batch(activities, again))
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2
    assert await count_credits(stack, *owed) == [1, 0]


async def test_members_of_an_expired_envelope_that_cannot_be_followed_wait_together_with_a_reason(
    api: httpx.AsyncClient,
    stack: Stack,
    database: Database,
    rail: Rail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No member may leave once an envelope was signed; the batch waits without asking again and again."""
    owed = [await owe_payment(database, "DEAD", minutes) for minutes in (25, 30)]
    activities, batch, _ = await let_expire_together(database, rail, *owed)
    monkeypatch.setattr(rail, "fee_cap_stroops", 100)  # not even a no-op transaction can be signed
    stuck = await run_until_accepted(activities.prepare_batch, batch)
    why = get_reason(stuck).sentence
    assert "STELLAR_FEE_CAP_STROOPS" in why
    assert stuck.removed == []
    async with database.autocommit() as connection:
        assert len((await allocations.get_members(connection, batch))[0]) == 2
        actions = await connection.scalars(
            select(audit_entries.c.action).where(
                audit_entries.c.subject == f"outage/{owed[1].outage_id}"
            )
        )
        assert "payment.blocked" in list(actions)
    blocked = await read_statuses(database, *owed)
    assert blocked == [("blocked", why)] * 2
    monkeypatch.undo()
    await activities.confirm_batch(await submit_batch(activities, batch))
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2
    # One transfer, under the number of the first.
    assert await count_credits(stack, *owed) == [1, 0]


async def test_an_approval_taken_back_while_expired_bytes_waited_counts(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """Nothing is signed in the place of those bytes: the batch ends, and each payment waits or goes on by itself."""
    owed = [await owe_payment(database, "WITHDRAWN", minutes) for minutes in (25, 30)]
    for payment in owed:
        await approve(database, payment, "ada")
        await approve(database, payment, "bob")
    gate = make_gate(database, datetime.now(UTC), approval_above=900)
    _, batch = await form_batch(database, rail, ONE_TRANSFER, *owed)
    activities = BatchActivitiesImpl(database, rail, ONE_TRANSFER, gate)
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, batch))
    await wait_until_expired(rail, attempt)
    gate.hold(make_reason("nothing is signed for now"))
    assert get_reason(await activities.prepare_batch(batch)) == make_reason(
        "nothing is signed for now"
    )
    by, later = Principal("ada", Role.FINANCE), datetime.now(UTC) + timedelta(minutes=1)
    await withdraw_approval(database, WithdrawApproval(owed[0].id, by, ASKER, later))
    gate.hold(None)
    ended = await activities.prepare_batch(batch)
    assert ended.state == EmptyBatch()
    assert {*ended.withdrawn} == {each.id for each in owed}
    hold = await gate.find_hold(owed[0])
    assert hold is not None
    assert "1 has approved" in hold.reason.sentence
    assert await gate.find_hold(owed[1]) is None
    assert await count_credits(stack, *owed) == [0, 0]
    await approve(database, owed[0], "ada")
    _, again = await form_batch(database, rail, ONE_TRANSFER, *owed)
    await activities.confirm_batch(await submit_batch(activities, again))
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2
