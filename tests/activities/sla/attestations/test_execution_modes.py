"""In local mode no contract is called, and no attestation is wanted."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from activities.sla.attestations import AttestationActivitiesImpl
from activities.sla.disputes import DisputeActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from adapters.postgres.tables import (
    attestations,
    sla_results,
)
from adapters.stellar.finality.sla_contract import SlaContract
from domain.errors import Conflict, ContractMismatch, NotFound
from domain.settlement.payments import OwePaymentInput
from domain.sla.attestations import (
    Attestation,
)
from domain.sla.disputes import (
    DecideDisputeInput,
    Dispute,
    DisputeDecision,
    FileDisputeInput,
)
from domain.sla.execution_modes import ExecutionMode
from services.settlement.channels.begin_settlement import BeginSettlement, begin_settlement
from tests.testkit.api_client import make_unique_id
from tests.testkit.attestation_scenario import (
    ASKER,
    NOW,
    judge_for_attestation,
)


@pytest.fixture
def activities(api: httpx.AsyncClient, database: Database, calculator: SlaContract) -> Any:
    return AttestationActivitiesImpl(database, calculator)


async def test_a_worker_in_local_mode_says_that_it_calls_no_contract(
    database: Database, api: httpx.AsyncClient
) -> None:
    local = AttestationActivitiesImpl(database, None)
    with pytest.raises(ContractMismatch, match="CONTRACT_EXECUTION_MODE=soroban"):
        await local.prepare_call(Attestation("any", 1))


async def test_a_verdict_judged_in_local_mode_wants_no_attestation(
    activities: AttestationActivitiesImpl, database: Database
) -> None:
    async with database.autocommit() as connection:
        unasked = await connection.scalar(
            select(sla_results.c.outage_id)
            .outerjoin(
                attestations,
                (attestations.c.outage_id == sla_results.c.outage_id),
            )
            .where(attestations.c.outage_id.is_(None))
        )
    with pytest.raises(NotFound, match="does not need an attestation"):
        await activities.prepare_call(Attestation(unasked or "nobody", 1))


async def test_judging_follows_the_latest_execution_mode_of_the_settlement_worker(
    database: Database,
) -> None:
    outages, disputes = (
        OutageActivitiesImpl(database, "sandbox"),
        DisputeActivitiesImpl(database, "sandbox"),
    )
    await set_mode(database, ExecutionMode.SOROBAN)
    try:
        first = await judge_for_attestation(database, requires_attestation=False)
        dispute = Dispute(make_unique_id("dsp"), first.outage_id, "measured wrongly", ASKER)
        await disputes.file_dispute(FileDisputeInput(dispute, 1, 60, NOW))
        decision = DisputeDecision(dispute.id, True, ASKER, "it was 5", 5)
        again = await disputes.decide_dispute(
            DecideDisputeInput(first.outage_id, dispute.id, decision, NOW)
        )
        assert (again.revision, again.attest) == (2, True)
    finally:
        await set_mode(database, ExecutionMode.LOCAL)
    with pytest.raises(Conflict, match="has not confirmed revision 2 yet"):
        await outages.owe_payment(OwePaymentInput(again.payment, NOW))
    async with database.autocommit() as connection:
        entries = (await read_trail(connection, "contract/settlement"))[-2:]
    assert [row["evidence"]["contract_execution_mode"] for row in entries] == ["soroban", "local"]


async def set_mode(database: Database, mode: ExecutionMode) -> None:
    for _ in range(2):  # said again, it is no news
        await begin_settlement(database, BeginSettlement({}, mode, datetime.now(UTC)))
