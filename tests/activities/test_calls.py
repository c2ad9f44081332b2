"""What becomes of one signed call of the contract: outbid, in the way, unreadable, or lost."""

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
    symbol,
)
from stellar_sandbox.testing.contract_client import ContractClient
from tests.testkit.api_client import unique
from tests.testkit.attestation_scenario import (
    NOW,
    attested,
    executed,
    judged,
    prepared,
    rows,
)


@pytest.fixture
def steps(api: httpx.AsyncClient, database: Database, calculator: SlaContract) -> Any:
    return AttestationActivitiesImpl(database, calculator)


async def test_a_busy_network_is_outbid_and_the_word_is_given_once(
    steps: AttestationActivitiesImpl, database: Database, stack: Stack
) -> None:
    attestation = await judged(database)
    call = await prepared(steps, attestation)
    async with httpx.AsyncClient(base_url=stack.environment["STELLAR_RPC_URL"]) as chain:
        surge = [{"kind": "surge_fee", "value": 30_000}]
        (await chain.post("/faults", json={"faults": surge})).raise_for_status()
        status = await executed(steps, attestation)
        (await chain.post("/faults", json={"faults": []})).raise_for_status()
    assert status is CallStatus.ANSWERED
    (made,) = await rows(database, contract_calls, attestation)
    assert (made.status, made.hash) == ("answered", call.hash)
    assert made.xdr != call.envelope_xdr  # more was bid, and that was kept before it was sent
    concluded = await steps.conclude_attestation(ConcludeAttestationInput(attestation, "", NOW))
    assert concluded == Attested(call.hash, [])


async def test_whoever_finds_a_call_in_the_way_sees_it_through(
    steps: AttestationActivitiesImpl, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_module, "PATIENCE_SECONDS", 0.5)
    abandoned, other = await judged(database), await judged(database, 5)
    call = await prepared(steps, abandoned)
    turn = await steps.prepare_call(other)
    assert turn == OtherCall(call)
    assert await steps.execute_call(turn) is CallStatus.ANSWERED
    await attested(steps, other)
    # Whoever comes back to the first finds its answer.
    assert await steps.prepare_call(abandoned) == CallAnswered()
    concluding = ConcludeAttestationInput(abandoned, "", NOW)
    assert isinstance(await steps.conclude_attestation(concluding), Attested)


async def test_an_answer_that_cannot_be_read_halts_and_is_asked_for_again(
    steps: AttestationActivitiesImpl, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    attestation = await judged(database)
    turn = await steps.prepare_call(attestation)
    assert isinstance(turn, OwnCall)

    def unreadable(*_asked: Any) -> None:
        raise ContractRefused("the SLA contract returns 7")

    with monkeypatch.context() as patched:
        patched.setattr(contract_results, "parse_answer", unreadable)
        assert await steps.execute_call(turn) is CallStatus.ANSWERED
    assert await steps.prepare_call(attestation) == CallAnswered()
    concluding = ConcludeAttestationInput(attestation, "", NOW)
    halted = await steps.conclude_attestation(concluding)
    assert isinstance(halted, Halted)
    assert halted.problem == "the SLA contract returns 7"
    assert await steps.conclude_attestation(concluding) == halted
    (made,) = await rows(database, contract_calls, attestation)
    assert (made.status, made.result, made.reason) == ("rejected", None, halted.problem)
    # Asked again, its memory is explained: by the call that could not be read.
    await attested(steps, attestation)


async def test_a_call_whose_sequence_something_else_consumed_is_lost_and_made_anew(
    steps: AttestationActivitiesImpl,
    database: Database,
    calculator: SlaContract,
    caplog: pytest.LogCaptureFixture,
) -> None:
    attestation = await judged(database)
    call = await prepared(steps, attestation)
    stranger = ContractClient(
        calculator.nodes.all[0].server, calculator.contract, calculator.operator
    )
    named = [scval.to_symbol(symbol(unique("other"), 1)), scval.to_symbol("critical")]
    source = scval.to_address(calculator.source)
    await stranger.call("calculate_sla", source, *named, scval.to_uint32(25))
    assert await executed(steps, attestation) is CallStatus.LOST
    assert f"ALARM: call {call.hash}: no node knows what consumed the sequence" in caplog.text
    await attested(steps, attestation)
    lost, made = await rows(database, contract_calls, attestation)
    assert (lost.status, made.status) == ("lost", "answered")
