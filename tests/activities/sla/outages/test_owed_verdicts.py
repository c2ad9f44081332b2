"""What is owed is what the newest verdict says, to the payout address of the day."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import outage_contexts
from adapters.postgres.sla.outage_contexts import OutageContext
from domain.errors import Conflict
from domain.sla.agreements.agreements import Agreement
from domain.sla.verdicts import PaymentType
from tests.activities.sla.test_outages import assert_kept, list_posted
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import (
    judge_outage,
    make_owe_input,
)


async def test_a_payout_address_changed_meanwhile_is_owed_instead(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage_id = make_unique_id("MOVED")
    activities = await judge_outage(database, outage_id, 25)
    ((_, expense, owed), (_, old_payee, _)) = await list_posted(database, outage_id, 1)
    settling = await make_owe_input(database, outage_id)

    lock = outage_contexts.lock

    async def elsewhere(*asked: Any) -> OutageContext:
        context = await lock(*asked)
        bound = context.agreement
        moved = Agreement(bound.name, bound.bond, bound.pool, bound.provider, bound.provider)
        return replace(context, agreement=moved)

    monkeypatch.setattr(outage_contexts, "lock", elsewhere)
    for _ in range(2):
        owed_now = await activities.owe_payment(settling)
    new_payee = f"payable:{owed_now.payment.to_address}"
    assert new_payee != old_payee
    assert sorted(await list_posted(database, outage_id, 1)) == sorted(
        [
            *(("accrual", expense, owed), ("accrual", old_payee, -owed)),
            *(("reversal", expense, -owed), ("reversal", old_payee, owed)),
            *(("correction", expense, owed), ("correction", new_payee, -owed)),
        ]
    )
    await assert_kept(database)


async def test_nothing_is_owed_but_what_the_newest_verdict_says(database: Database) -> None:
    outage_id = make_unique_id("OTHER")
    activities = await judge_outage(database, outage_id, 25)
    settling = await make_owe_input(database, outage_id)
    payment = settling.payment
    for other, why in (
        (replace(payment, amount_stroops=payment.amount_stroops + 1), "the verdict owes a penalty"),
        (replace(payment, type=PaymentType.REWARD), "the verdict owes a penalty"),
        (replace(payment, revision=2), "revision 2 is not the newest verdict"),
    ):
        with pytest.raises(Conflict, match=why):
            await activities.owe_payment(replace(settling, payment=other))
    async with database.autocommit() as connection:
        assert await payments.list_by_outage(connection, outage_id) == []


async def test_a_verdict_without_an_accrual_is_accrued_when_owed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = journal.change

    async def unposted(connection: Any, made: Any, _posted: Any, published: Any) -> Any:
        return await change(connection, made, [], published)

    outage_id = make_unique_id("OLDER")
    with monkeypatch.context() as patch:
        patch.setattr(journal, "change", unposted)
        activities = await judge_outage(database, outage_id, 25)
    assert await list_posted(database, outage_id, 1) == []
    await activities.owe_payment(await make_owe_input(database, outage_id))
    assert [kind for kind, *_ in await list_posted(database, outage_id, 1)] == ["accrual"] * 2
    await assert_kept(database)
