"""The outcomes of one signed contract call: outbid, in the way, unreadable, or lost."""

from typing import Any

import httpx
import pytest
from stellar_sdk import scval

from activities.sla import attestations as steps_module
from activities.sla.attestations import AttestationActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.tables import (
    contract_calls,
)
from adapters.stellar.finality import contract_results
from adapters.stellar.finality.sla_contract import SlaContract
from devstack.environment.stack import Stack
from domain.errors import ContractRefused
from domain.sla.attestations import (
    Attested,
    CallAnswered,
    CallStatus,
    ConcludeAttestationInput,
    Halted,
    OtherCall,
    OwnCall,
    make_symbol,
)
from stellar_sandbox.testing.contract_client import ContractClient
from tests.testkit.api_client import make_unique_id
from tests.testkit.attestation_scenario import (
    NOW,
    attest_verdict,
    executed,
    judge_for_attestation,
    list_rows,
    prepare_call,
)


@pytest.fixture
def activities(api: httpx.AsyncClient, database: Database, calculator: SlaContract) -> Any:
    return AttestationActivitiesImpl(database, calculator)


async def test_a_higher_fee_is_bid_on_a_busy_network_and_the_call_counts_once(
    activities: AttestationActivitiesImpl, database: Database, stack: Stack
) -> None:
    attestation = await judge_for_attestation(database)
    call = await prepare_call(activities, attestation)
    async with httpx.AsyncClient(base_url=stack.environment["STELLAR_RPC_URL"]) as chain:
        surge = [{"kind": "surge_fee", "value": 30_000}]
        (await chain.post("/faults", json={"faults": surge})).raise_for_status()
        status = await executed(activities, attestation)
        (await chain.post("/faults", json={"faults": []})).raise_for_status()
    assert status is CallStatus.ANSWERED
    (made,) = await list_rows(database, contract_calls, attestation)
    assert (made.status, made.hash) == ("answered", call.hash)
    assert made.xdr != call.envelope_xdr  # more was bid, and that was kept before it was sent
    concluded = await activities.conclude_attestation(
        ConcludeAttestationInput(attestation, "", NOW)
    )
    assert concluded == Attested(call.hash)


async def test_an_earlier_open_call_is_completed_first(
    activities: AttestationActivitiesImpl, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_module, "PATIENCE_SECONDS", 0.5)
    abandoned, other = (
        await judge_for_attestation(database),
        await judge_for_attestation(database, 5),
    )
    call = await prepare_call(activities, abandoned)
    turn = await activities.prepare_call(other)
    assert turn == OtherCall(call)
    assert await activities.execute_call(turn) is CallStatus.ANSWERED
    await attest_verdict(activities, other)
    # Whoever comes back to the first finds its answer.
    assert await activities.prepare_call(abandoned) == CallAnswered()
    concluding = ConcludeAttestationInput(abandoned, "", NOW)
    assert isinstance(await activities.conclude_attestation(concluding), Attested)


async def test_an_unreadable_answer_halts_and_is_requested_again(
    activities: AttestationActivitiesImpl, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    attestation = await judge_for_attestation(database)
    turn = await activities.prepare_call(attestation)
    assert isinstance(turn, OwnCall)

    def unreadable(*_asked: Any) -> None:
        raise ContractRefused("the SLA contract returns 7")

    with monkeypatch.context() as patched:
        patched.setattr(contract_results, "parse_answer", unreadable)
        assert await activities.execute_call(turn) is CallStatus.ANSWERED
    assert await activities.prepare_call(attestation) == CallAnswered()
    concluding = ConcludeAttestationInput(attestation, "", NOW)
    halted = await activities.conclude_attestation(concluding)
    assert isinstance(halted, Halted)
    assert halted.problem == "the SLA contract returns 7"
    assert await activities.conclude_attestation(concluding) == halted
    (made,) = await list_rows(database, contract_calls, attestation)
    assert (made.status, made.result, made.reason) == ("rejected", None, halted.problem)
    # A repeated request is answered from storage: by the call that could not be read.
    await attest_verdict(activities, attestation)


async def test_a_call_whose_sequence_was_consumed_is_lost_and_made_anew(
    activities: AttestationActivitiesImpl,
    database: Database,
    calculator: SlaContract,
    caplog: pytest.LogCaptureFixture,
) -> None:
    attestation = await judge_for_attestation(database)
    call = await prepare_call(activities, attestation)
    stranger = ContractClient(
        calculator.nodes.all[0].server, calculator.contract, calculator.operator
    )
    named = [scval.to_symbol(make_symbol(make_unique_id("other"), 1)), scval.to_symbol("critical")]
    source = scval.to_address(calculator.source)
    await stranger.call("calculate_sla", source, *named, scval.to_uint32(25))
    assert await executed(activities, attestation) is CallStatus.LOST
    assert f"ALARM: call {call.hash}: no node shows what consumed the sequence" in caplog.text
    await attest_verdict(activities, attestation)
    lost, made = await list_rows(database, contract_calls, attestation)
    assert (lost.status, made.status) == ("lost", "answered")
