"""The engine's side of the SLA contract: the contracts it refuses at start, and the outcomes of a call."""

import pytest
from stellar_sdk import scval

from adapters.stellar.codes import contract_errors
from adapters.stellar.codes.meanings import Remedy
from adapters.stellar.finality.contract_results import to_error
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from domain.errors import ChainUnavailable, ContractRefused, Obstructed
from domain.sla.attestations import (
    CallStatus,
)
from stellar_sandbox.calculator.contract import FUNCTIONS
from stellar_sandbox.calculator.contract_errors import SLAError
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.testing.local_client import LocalClient
from tests.adapters.stellar.finality.conftest import ADMIN
from tests.adapters.stellar.finality.sla_calls import (
    connect_contract,
    sign_call,
    submit_call,
)


async def test_a_repeated_call_is_answered_once(counter: LocalClient) -> None:
    call = await sign_call(counter)
    outcome = await submit_call(counter, call)
    assert (outcome.status, outcome.fresh) == (CallStatus.ANSWERED, True)
    assert outcome.contract_result is not None
    assert (outcome.contract_result.amount, outcome.contract_result.outage_id) == (-500, "oA")
    assert await submit_call(counter, call) == outcome
    assert (await counter.view("get_stats"))["total_calculations"] == 1


async def test_a_stored_result_is_distinguished_from_a_new_one(
    counter: LocalClient,
) -> None:
    await submit_call(counter, await sign_call(counter))
    outcome = await submit_call(counter, await sign_call(counter))
    assert (outcome.status, outcome.fresh) == (CallStatus.ANSWERED, False)
    assert outcome.contract_result is not None
    assert outcome.contract_result.amount == -500


@pytest.mark.parametrize("kind", ["accept_then_timeout", "reset_after", "internal_error"])
async def test_a_lost_answer_proves_nothing(counter: LocalClient, kind: str) -> None:
    call = await sign_call(counter)
    counter.network.faults.replace([Fault(kind, method="sendTransaction")], 1)
    assert (await submit_call(counter, call)).status is CallStatus.ANSWERED


async def test_an_expired_call_is_proven_expired(counter: LocalClient) -> None:
    call = await sign_call(counter)
    for _ in range(LEDGERS_TO_LIVE + 1):
        counter.network.close_ledger()
    assert (await submit_call(counter, call)).status is CallStatus.EXPIRED


async def test_an_unseen_call_is_open(counter: LocalClient) -> None:
    call = await sign_call(counter)
    counter.network.faults.replace([Fault("node_down")], 1)
    outcome = await connect_contract(counter).watch(call, "UNKNOWN ChainUnavailable")
    assert (outcome.status, outcome.reason) == (
        CallStatus.OPEN,
        "the network cannot be read: ChainUnavailable",
    )


async def test_a_call_whose_sequence_was_consumed_is_lost(counter: LocalClient) -> None:
    call = await sign_call(counter)
    await submit_call(counter, await sign_call(counter, "oB"))
    assert (await submit_call(counter, call)).status is CallStatus.LOST


async def test_an_unreadable_answer_in_the_ledger_is_reported(
    counter: LocalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await sign_call(counter)
    _, readers = FUNCTIONS["calculate_sla"]
    other = (lambda *_asked: scval.to_string("of another version").to_xdr_bytes(), readers)
    monkeypatch.setitem(FUNCTIONS, "calculate_sla", other)  # as if its code was replaced meanwhile
    outcome = await submit_call(counter, call)
    assert (outcome.status, outcome.contract_result) == (CallStatus.ANSWERED, None)
    assert "of another version" in outcome.reason
    with pytest.raises(ContractRefused, match="no result that this engine can read"):
        await sign_call(counter, "oB")  # and what is not yet signed is not paid for


async def test_a_call_refused_in_a_ledger_has_failed(counter: LocalClient) -> None:
    call = await sign_call(counter)
    await counter.call(
        "pause", scval.to_address(ADMIN.public_key), scval.to_string("now"), by=ADMIN
    )
    outcome = await submit_call(counter, call)
    assert outcome.status is CallStatus.FAILED
    assert "INVOKE_HOST_FUNCTION_TRAPPED" in outcome.reason
    with pytest.raises(Obstructed, match="it is paused"):
        await sign_call(counter)


async def test_other_minutes_under_the_same_name_need_a_person(counter: LocalClient) -> None:
    await submit_call(counter, await sign_call(counter))
    with pytest.raises(ContractRefused, match=r"from other minutes or terms \(#13\)"):
        await sign_call(counter, minutes=21)


def test_every_refusal_of_the_contract_has_a_meaning() -> None:
    assert set(contract_errors.CALCULATOR) == {int(each) for each in SLAError}
    waited = [
        code for code, found in contract_errors.CALCULATOR.items() if found.remedy is Remedy.BLOCK
    ]
    assert waited == [SLAError.CONTRACT_PAUSED]


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        ("Error(Contract, #6)", Obstructed, "it is paused (#6)"),
        ("Error(Contract, #3)", ContractRefused, "was the operator's key replaced? (#3)"),
        ("Error(Contract, #99)", ContractRefused, "with an unknown error (#99)"),
        (
            "Error(Budget, ExceededLimit)\n\nlog",
            ContractRefused,
            "its entry is full; have its admin",
        ),
        ("Error(Storage, MissingValue)\nmore", ContractRefused, "there is no such contract"),
        ("Error(Context, InvalidAction)", ContractRefused, "the call's surroundings have changed"),
        ("Error(Storage, InternalError)", ChainUnavailable, "the network had an error of its own"),
        ("the moon is full\nand more", ContractRefused, "refuses the call (the moon is full)"),
    ],
)
def test_the_simulation_of_a_call_is_read(error: str, kind: type, sentence: str) -> None:
    refused = to_error("it", f"HostError: {error}" if error.startswith("Error") else error)
    assert type(refused) is kind
    assert str(refused).startswith("it refuses: ")
    assert sentence in str(refused)
