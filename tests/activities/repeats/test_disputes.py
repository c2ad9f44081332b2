"""Activities of a dispute may run twice."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from activities.sla.disputes import DisputeActivitiesImpl
from adapters.postgres.database import Database
from domain.errors import Conflict
from domain.requests import Request
from domain.sla.disputes import (
    DecideDisputeInput,
    Dispute,
    DisputeDecision,
    FileDisputeInput,
)
from tests.activities.test_repeats import judge_outage, run_twice
from tests.testkit.api_client import make_unique_id

ASKER = Request("tester", "corr-repeats")
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


async def test_a_dispute_whose_every_activity_runs_twice_is_decided_once(
    api: httpx.AsyncClient, database: Database
) -> None:
    outage_id = make_unique_id("RULED")
    await judge_outage(database, outage_id, 25)
    activities = DisputeActivitiesImpl(database, "sandbox")
    dispute = Dispute(make_unique_id("dsp"), outage_id, "measured wrongly", ASKER)
    filed = await run_twice(activities.file_dispute, FileDisputeInput(dispute, 1, 60, NOW))
    assert filed.dispute_id == dispute.id
    # Another dispute about the same outage is refused while this one is open.
    other = FileDisputeInput(replace(dispute, id=make_unique_id("dsp")), 1, 60, NOW)
    with pytest.raises(Conflict, match=f"outage '{outage_id}' has an open dispute already"):
        await activities.file_dispute(other)

    decision = DisputeDecision(dispute.id, True, ASKER, "it was 5", 5)
    ruled = await run_twice(
        activities.decide_dispute, DecideDisputeInput(outage_id, dispute.id, decision, NOW)
    )
    assert (ruled.revision, ruled.verdict.amount) == (2, 1500)
    harsher = replace(decision, mttr_minutes=200)
    with pytest.raises(Conflict, match="was resolved with 5 minutes to repair by tester"):
        await activities.decide_dispute(DecideDisputeInput(outage_id, dispute.id, harsher, NOW))
    stands = await activities.decide_dispute(
        DecideDisputeInput(outage_id, dispute.id, decision, NOW)
    )
    assert (stands.revision, stands.verdict) == (2, ruled.verdict)
