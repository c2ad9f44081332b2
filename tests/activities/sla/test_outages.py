"""What a verdict costs is in the journal from its judgement until it is paid or reversed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from activities.sla.disputes import DisputeActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from domain.accounting.integrity_checks import has_violation
from domain.settlement.payments import Payment, derive_payment_id, redirect
from domain.sla.agreements.agreements import Agreement
from domain.sla.disputes import (
    DecideDisputeInput,
    Dispute,
    DisputeDecision,
    FileDisputeInput,
)
from domain.sla.outages import (
    Declaration,
    JudgeOutageInput,
    Outage,
    RecordOutageInput,
    Resolution,
)
from domain.sla.verdicts import Severity
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import (
    ASKER,
    DETECTED,
    NOW,
    judge_outage,
    make_owe_input,
)

POSTED = text(
    "SELECT e.kind, p.account, p.amount_stroops FROM entries e"
    " JOIN postings p ON p.entry_id = e.id WHERE e.payment_id = :id ORDER BY e.posted_at, e.kind, 2"
)


async def list_posted(database: Database, outage_id: str, revision: int) -> list[tuple[Any, ...]]:
    wanted = {"id": derive_payment_id("sandbox", "default", outage_id, revision)}
    async with database.autocommit() as connection:
        return [tuple(row) for row in await connection.execute(POSTED, wanted)]


async def test_only_the_first_run_reports_a_new_outage(database: Database) -> None:
    activities, outage_id = OutageActivitiesImpl(database, "sandbox"), make_unique_id("TWICE")
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    declaring = RecordOutageInput(Declaration(outage, ASKER, "standard", "default"), NOW)
    first, again = [await activities.record_outage(declaring) for _ in range(2)]
    assert (first.created, again.created) == (True, False)
    assert replace(again, created=True) == first


async def assert_kept(database: Database) -> None:
    async with database.transaction() as connection:
        violations = await invariants.check(connection, timedelta(days=36500))
    assert not has_violation(violations), violations


def list_accounts(rows: list[tuple[Any, ...]]) -> list[tuple[str, str, int]]:
    """Without the payees' addresses."""
    return [(kind, account.partition(":G")[0], amount) for kind, account, amount in rows]


async def test_a_verdict_is_accrued_when_judged_and_reversed_when_replaced(
    database: Database,
) -> None:
    outage_id = make_unique_id("ACCRUED")
    await judge_outage(database, outage_id, 25)
    owed = 1000 * 10**7
    first = [("accrual", "expense:penalty", owed), ("accrual", "payable", -owed)]
    assert list_accounts(await list_posted(database, outage_id, 1)) == first
    await assert_kept(database)

    activities = DisputeActivitiesImpl(database, "sandbox")
    dispute = Dispute(make_unique_id("dsp"), outage_id, "measured wrongly", ASKER)
    await activities.file_dispute(FileDisputeInput(dispute, 1, 60, NOW))
    decision = DisputeDecision(dispute.id, True, ASKER, "it was 5", 5)
    for _ in range(2):
        await activities.decide_dispute(DecideDisputeInput(outage_id, dispute.id, decision, NOW))
    taken_back = [("reversal", "expense:penalty", -owed), ("reversal", "payable", owed)]
    assert list_accounts(await list_posted(database, outage_id, 1)) == first + taken_back
    reward = 1500 * 10**7
    assert list_accounts(await list_posted(database, outage_id, 2)) == [
        ("accrual", "expense:reward", reward),
        ("accrual", "payable", -reward),
    ]
    await assert_kept(database)


async def test_concurrent_runs_of_an_activity_post_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged, decided and owed, each by three at the same time; the payee moves in between."""
    outage_id = make_unique_id("ATONCE")
    activities = OutageActivitiesImpl(database, "sandbox")
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    await activities.record_outage(
        RecordOutageInput(Declaration(outage, ASKER, "standard", "default"), NOW)
    )
    resolution = Resolution(ASKER, DETECTED + timedelta(minutes=25))
    await _run_thrice(activities.judge_outage, JudgeOutageInput(outage_id, resolution, 60, NOW))
    disputes = DisputeActivitiesImpl(database, "sandbox")
    dispute = Dispute(make_unique_id("dsp"), outage_id, "measured wrongly", ASKER)
    await _run_thrice(disputes.file_dispute, FileDisputeInput(dispute, 1, 60, NOW))
    decision = DisputeDecision(dispute.id, True, ASKER, "it was 5", 5)
    await _run_thrice(
        disputes.decide_dispute, DecideDisputeInput(outage_id, dispute.id, decision, NOW)
    )

    settling = await make_owe_input(database, outage_id)

    def elsewhere(payment: Payment, bound: Agreement) -> Payment:
        moved = replace(bound, provider=bound.beneficiary, beneficiary=bound.provider)
        return redirect(payment, moved)

    monkeypatch.setattr("services.settlement.payments.owe_payment.redirect", elsewhere)
    await _run_thrice(activities.owe_payment, settling)
    kinds = [Counter(row[0] for row in await list_posted(database, outage_id, n)) for n in (1, 2)]
    assert kinds == [
        {"accrual": 2, "reversal": 2},
        {"accrual": 2, "reversal": 2, "correction": 2},
    ]
    await assert_kept(database)


async def _run_thrice(step: Callable[[Any], Awaitable[Any]], message: Any) -> None:
    async with asyncio.timeout(30):
        first, *others = await asyncio.gather(*(step(message) for _ in range(3)))
    assert all(other == first for other in others)


async def test_a_rejected_dispute_leaves_the_accrual(database: Database) -> None:
    outage_id = make_unique_id("STANDS")
    await judge_outage(database, outage_id, 25)
    before = await list_posted(database, outage_id, 1)
    activities = DisputeActivitiesImpl(database, "sandbox")
    dispute = Dispute(make_unique_id("dsp"), outage_id, "measured wrongly", ASKER)
    await activities.file_dispute(FileDisputeInput(dispute, 1, 60, NOW))
    await activities.decide_dispute(DecideDisputeInput(outage_id, dispute.id, None, NOW))
    assert await list_posted(database, outage_id, 1) == before
    await assert_kept(database)
