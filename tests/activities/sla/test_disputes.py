"""What was decided of a dispute stays decided, whatever a later run of the activity is given."""

import pytest
from sqlalchemy import select

from activities.sla.disputes import DisputeActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.tables import sla_results
from domain.errors import Conflict
from domain.sla.disputes import DecideDisputeInput, Dispute, DisputeDecision, FileDisputeInput
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.payment_factory import ASKER, NOW, judge_outage


async def test_a_rejection_stands_when_it_is_decided_again_with_other_minutes(
    database: Database,
) -> None:
    """The other decision is refused with what holds, and leaves no verdict on record."""
    outage_id = make_unique_id("REJECTED")
    await judge_outage(database, outage_id, 25)
    activities = DisputeActivitiesImpl(database, "sandbox")
    dispute = Dispute(make_unique_id("dsp"), outage_id, "measured wrongly", ASKER)
    await activities.file_dispute(FileDisputeInput(dispute, 1, 60, NOW))
    rejection = DisputeDecision(dispute.id, False, ASKER, "it was 25")
    rejected = await activities.decide_dispute(
        DecideDisputeInput(outage_id, dispute.id, rejection, NOW)
    )
    assert (rejected.revision, rejected.verdict.amount) == (1, -1000)
    upheld = DisputeDecision(dispute.id, True, ASKER, "it was 5", 5)
    with pytest.raises(Conflict, match=rf"dispute '{dispute.id}' was rejected by tester at "):
        await activities.decide_dispute(DecideDisputeInput(outage_id, dispute.id, upheld, NOW))
    again = await activities.decide_dispute(
        DecideDisputeInput(outage_id, dispute.id, rejection, NOW)
    )
    assert again == rejected
    async with database.autocommit() as connection:
        revisions = select(sla_results.c.revision).where(sla_results.c.outage_id == outage_id)
        assert list(await connection.scalars(revisions)) == [1]
