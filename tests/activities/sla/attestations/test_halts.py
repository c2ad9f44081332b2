"""What the contract says otherwise, or would refuse, halts an attestation."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from stellar_sdk import scval

from activities.sla.attestations import AttestationActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.tables import (
    attestations,
    contract_calls,
    events,
)
from adapters.stellar.finality.sla_contract import SlaContract
from domain.sla.attestations import (
    Attestation,
    CallRefused,
    CallStatus,
    ConcludeAttestationInput,
    Halted,
    make_symbol,
)
from services.sla.attestations.conclude_attestation import UNEXPLAINED
from stellar_sandbox.testing.contract_client import ContractClient
from tests.testkit.attestation_scenario import (
    NOW,
    attest_verdict,
    count_rows,
    executed,
    judge_for_attestation,
    list_rows,
)


@pytest.fixture
def activities(api: httpx.AsyncClient, database: Database, calculator: SlaContract) -> Any:
    return AttestationActivitiesImpl(database, calculator)


async def calculate_as_stranger(
    calculator: SlaContract, attestation: Attestation, minutes: int
) -> None:
    """Ask the contract before the engine does, with the engine's own identification of the verdict."""
    stranger = ContractClient(
        calculator.nodes.all[0].server, calculator.contract, calculator.operator
    )
    await stranger.call(
        "calculate_sla",
        scval.to_address(calculator.source),
        scval.to_symbol(make_symbol(attestation.outage_id, 1)),
        scval.to_symbol("critical"),
        scval.to_uint32(minutes),
    )


async def test_a_verdict_the_contract_stored_earlier_attests_nothing(
    activities: AttestationActivitiesImpl, database: Database, calculator: SlaContract
) -> None:
    attestation = await judge_for_attestation(database)
    await calculate_as_stranger(calculator, attestation, 25)
    assert await executed(activities, attestation) is CallStatus.ANSWERED
    concluding = ConcludeAttestationInput(attestation, "", NOW)
    halted = await activities.conclude_attestation(concluding)
    assert isinstance(halted, Halted)
    assert UNEXPLAINED in halted.problem
    assert await activities.conclude_attestation(concluding) == halted
    recorded = select(func.count()).where(
        events.c.outage_id == attestation.outage_id, events.c.type == "attestation.halted"
    )
    assert await count_rows(database, recorded) == 1
    assert await read_problem(database, attestation) == halted.problem
    # A repeated request is answered from storage: by the call just made.
    await attest_verdict(activities, attestation)
    assert await read_problem(database, attestation) == ""


async def read_problem(database: Database, attestation: Attestation) -> str:
    """Read why nothing is paid, as the outage's workflow does that begins anew."""
    outages = OutageActivitiesImpl(database, "sandbox", requires_attestation=True)
    return (await outages.read_outage_state(attestation.outage_id)).halted


async def test_a_difference_of_one_unit_halts(
    activities: AttestationActivitiesImpl, database: Database
) -> None:
    attestation = await judge_for_attestation(database)
    assert await executed(activities, attestation) is CallStatus.ANSWERED
    async with database.transaction() as connection:
        (made,) = await list_rows(database, contract_calls, attestation)
        await connection.execute(
            update(contract_calls)
            .where(contract_calls.c.hash == made.hash)
            .values(result=made.result | {"amount": "-1001"})
        )
    halted = await activities.conclude_attestation(ConcludeAttestationInput(attestation, "", NOW))
    assert isinstance(halted, Halted)
    assert halted.problem == (
        "parity error: amount_stroops is -10010000000 there and -10000000000 here"
    )
    (kept,) = await list_rows(database, attestations, attestation)
    assert (kept.status, kept.problem) == ("halted", halted.problem)


async def test_a_call_the_contract_would_refuse_halts_unsent(
    activities: AttestationActivitiesImpl, database: Database, calculator: SlaContract
) -> None:
    attestation = await judge_for_attestation(database)
    await calculate_as_stranger(calculator, attestation, 26)
    turn = await activities.prepare_call(attestation)
    assert isinstance(turn, CallRefused)
    assert "(#13)" in turn.problem
    concluding = ConcludeAttestationInput(attestation, turn.problem, NOW)
    halted = await activities.conclude_attestation(concluding)
    assert isinstance(halted, Halted)
    assert await activities.conclude_attestation(concluding) == halted
    assert await list_rows(database, contract_calls, attestation) == []
