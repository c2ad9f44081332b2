"""
Each activity of an attestation may run twice, and a worker may die between any two: on the
real database and the real chain, the contract is asked once, and nothing is paid before it agrees.
"""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from stellar_sdk import scval

from activities.sla.attestations import AttestationActivitiesImpl
from activities.sla.disputes import DisputeActivitiesImpl
from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from adapters.postgres.tables import (
    attestations,
    audit_entries,
    contract_calls,
    events,
    payments,
    sla_results,
)
from adapters.stellar.finality.sla_contract import SlaContract
from domain.errors import Conflict, ContractMismatch, NotFound
from domain.settlement.payments import OwePaymentInput
from domain.sla.attestations import (
    Attestation,
    Attested,
    CallAnswered,
    CallRefused,
    CallStatus,
    ConcludeAttestationInput,
    Halted,
    OwnCall,
    make_symbol,
)
from domain.sla.disputes import (
    DecideDisputeInput,
    Dispute,
    DisputeDecision,
    FileDisputeInput,
)
from domain.sla.execution_modes import ExecutionMode
from services.settlement.channels.begin_settlement import BeginSettlement, begin_settlement
from services.sla.attestations.conclude_attestation import UNEXPLAINED
from stellar_sandbox.testing.contract_client import ContractClient
from tests.testkit.api_client import make_unique_id
from tests.testkit.attestation_scenario import (
    ASKER,
    NOW,
    attest_verdict,
    count_rows,
    executed,
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
    assert first == Attested(call.hash, [])
    assert await activities.conclude_attestation(concluding) == first
    assert await activities.prepare_call(attestation) == CallAnswered()

    (made,) = await list_rows(database, contract_calls, attestation)
    assert (made.status, made.fresh, made.result["amount"]) == ("answered", True, "-1000")
    (kept,) = await list_rows(database, attestations, attestation)
    assert (kept.status, kept.transaction_hash) == ("attested", call.hash)
    leaf = audit_entries.c.action == "sla.attested"
    subject = audit_entries.c.subject == f"outage/{attestation.outage_id}"
    assert await count_rows(database, select(func.count()).where(leaf, subject)) == 1


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
    assert (await outages.owe_payment(settling)).amount_stroops == 10_000_000_000


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
    # A repeated request is answered from storage: by the call just made.
    await attest_verdict(activities, attestation)


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
