"""
Each activity of an attestation may run twice, and a worker may die between any two: on the
real database and the real chain, the contract is asked once, and nothing is paid before it agrees.
"""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from activities.sla.attestations import AttestationActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.tables import (
    attestations,
    audit_entries,
    contract_calls,
    payments,
)
from adapters.stellar.finality.sla_contract import SlaContract
from domain.errors import Conflict
from domain.sla.attestations import (
    Attested,
    CallAnswered,
    CallStatus,
    ConcludeAttestationInput,
    OwnCall,
)
from tests.testkit.api_client import make_unique_id
from tests.testkit.attestation_scenario import (
    NOW,
    attest_verdict,
    count_rows,
    judge_for_attestation,
    list_rows,
    prepare_call,
)
from tests.testkit.settlement.payment_factory import make_owe_input


@pytest.fixture
def activities(api: httpx.AsyncClient, database: Database, calculator: SlaContract) -> Any:
    return AttestationActivitiesImpl(database, calculator)


async def test_an_attestation_whose_every_activity_runs_twice_calls_the_contract_once(
    activities: AttestationActivitiesImpl, database: Database, calculator: SlaContract
) -> None:
    attestation = await judge_for_attestation(database)
    call = await prepare_call(activities, attestation)
    assert await prepare_call(activities, attestation) == call  # died after the envelope was stored
    # Sent, and died before anything was recorded.
    await calculator.nodes.send(call.envelope_xdr)
    turn = await activities.prepare_call(attestation)
    assert turn == OwnCall(call)
    for _ in range(2):
        assert await activities.execute_call(turn) is CallStatus.ANSWERED
    assert await activities.prepare_call(attestation) == CallAnswered()
    concluding = ConcludeAttestationInput(attestation, "", NOW)
    first = await activities.conclude_attestation(concluding)
    assert first == Attested(call.hash)
    assert await activities.conclude_attestation(concluding) == first
    assert await activities.prepare_call(attestation) == CallAnswered()

    (made,) = await list_rows(database, contract_calls, attestation)
    assert (made.status, made.fresh, made.result["amount"]) == ("answered", True, "-1000")
    (kept,) = await list_rows(database, attestations, attestation)
    assert (kept.status, kept.transaction_hash) == ("attested", call.hash)
    entry = audit_entries.c.action == "sla.attested"
    subject = audit_entries.c.subject == f"outage/{attestation.outage_id}"
    assert await count_rows(database, select(func.count()).where(entry, subject)) == 1


async def test_nothing_is_owed_before_the_contract_attests(
    activities: AttestationActivitiesImpl, database: Database
) -> None:
    attestation = await judge_for_attestation(database)
    outages = OutageActivitiesImpl(database, "sandbox")
    settling = await make_owe_input(database, attestation.outage_id)
    with pytest.raises(Conflict, match="has not confirmed revision 1 yet"):
        await outages.owe_payment(settling)
    # The database itself refuses, whatever the code above it believes.
    with pytest.raises(IntegrityError, match="is not attested"):
        await pay_anyway(database, attestation.outage_id)
    await attest_verdict(activities, attestation)
    assert (await outages.owe_payment(settling)).payment.amount_stroops == 10_000_000_000


async def pay_anyway(database: Database, outage_id: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            payments.insert().values(
                id=make_unique_id("pay"),
                outage_id=outage_id,
                revision=1,
                type="penalty",
                status="pending",
                amount_stroops=1,
                asset_code="USDC",
                payer="bond",
                from_address="G",
                to_address="G",
                correlation_id="c",
                created_at=NOW,
            )
        )
