"""The engine's side of the SLA contract: what it refuses to start with, and what becomes of a call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from stellar_sdk import scval, xdr

from adapters.stellar.codes import contract_errors
from adapters.stellar.codes.meanings import Remedy
from adapters.stellar.finality import sla_contract as calculators
from adapters.stellar.finality.contract_results import to_error
from adapters.stellar.finality.quorum import get_address, make_account_keys
from adapters.stellar.finality.sla_contract import SlaContract
from adapters.stellar.rpc.nodes import Node, Nodes
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from domain.errors import ChainUnavailable, ContractMismatch, ContractRefused, Obstructed
from domain.settlement.envelopes import LEDGERS_TO_A_RAISE
from domain.sla.attestations import (
    Call,
    CallOutcome,
    CallStatus,
    SignedCall,
)
from domain.sla.verdicts import Severity
from stellar_sandbox.calculator import contract_state, instance_storage
from stellar_sandbox.calculator.contract import FUNCTIONS, SlaCalculator
from stellar_sandbox.calculator.contract_errors import SLAError
from stellar_sandbox.contracts.host import ContractCall
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.testing.accounts import FEES, PASSPHRASE
from stellar_sandbox.testing.contract_client import PEOPLE, LocalClient
from tests.testkit.reasons import answered

ADMIN, OPERATOR = PEOPLE["admin"], PEOPLE["operator"]
OPENED = contract_state.build_initial_state(ADMIN.public_key, OPERATOR.public_key, 100)


@pytest.fixture
async def counter() -> AsyncIterator[LocalClient]:
    made = LocalClient(1_790_000_000)
    made.deploy(OPENED)
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calculators, "WATCH_SECONDS", 1.0)
    monkeypatch.setattr(calculators, "LOOK_EVERY_SECONDS", 0.01)


def calculator(counter: LocalClient) -> SlaContract:
    return SlaContract(nodes(counter), PASSPHRASE, counter.contract, OPERATOR, FEES)


def nodes(counter: LocalClient) -> Nodes:
    return Nodes([Node("node 1", counter.server)])


async def test_a_contract_that_is_ours_and_ready_is_accepted(counter: LocalClient) -> None:
    await calculator(counter).check()


@pytest.mark.parametrize(
    ("book", "sentence"),
    [
        (None, "is not ready: it says 'noinit'"),
        (replace(OPENED, version=0), "is not ready: it says 'migrate'"),
        (replace(OPENED, paused=True), "is paused; have its admin unpause it"),
        (replace(OPENED, operator=ADMIN.public_key), f"takes calls from {ADMIN.public_key}, but"),
        (replace(OPENED, retention=151), "keeps up to 151 results, more than its entry has room"),
        (replace(OPENED, retention=None), "keeps up to 1000 results"),
    ],
)
async def test_a_contract_that_is_not_fit_is_refused_with_a_sentence(
    counter: LocalClient, book: contract_state.ContractState | None, sentence: str
) -> None:
    counter.deploy(book)
    with pytest.raises(ContractMismatch, match=sentence):
        await calculator(counter).check()


class Liar(SlaCalculator):
    """Says that its config has another hash than it has."""

    def invoke(self, call: ContractCall) -> bytes:
        if call.function == "get_config_version_hash":
            return xdr_codec.encode_u64(1)
        return super().invoke(call)


async def test_a_contract_that_hashes_otherwise_is_refused(counter: LocalClient) -> None:
    liar = Liar(instance_storage.derive_contract_id("liar"))
    counter.network.deploy(instance_storage.encode_instance(liar.contract, OPENED), liar)
    counter.contract = liar.contract
    with pytest.raises(ContractMismatch, match="says that its config has the hash 1, but it has"):
        await calculator(counter).check()


async def test_what_is_no_contract_is_refused(counter: LocalClient) -> None:
    with pytest.raises(ContractMismatch, match="not a contract id"):
        SlaContract(nodes(counter), PASSPHRASE, ADMIN.public_key, OPERATOR, FEES)
    counter.contract = instance_storage.derive_contract_id("never deployed")
    with pytest.raises(ContractMismatch, match="is STELLAR_SLA_CONTRACT deployed on this network"):
        await calculator(counter).check()


async def test_a_network_that_does_not_answer_is_asked_again(counter: LocalClient) -> None:
    counter.network.faults.replace([Fault("node_down")], 1)
    with pytest.raises(ChainUnavailable):
        await calculator(counter).check()
    with pytest.raises(ChainUnavailable):
        await calculator(counter).sign_call("oA", Severity.HIGH, 5)


async def signed(counter: LocalClient, name: str = "oA", minutes: int = 20) -> Call:
    made: SignedCall = await calculator(counter).sign_call(name, Severity.CRITICAL, minutes)
    return Call(
        name, 1, 1, made.source, made.sequence, made.max_ledger, made.hash, made.envelope_xdr
    )


async def carried(counter: LocalClient, call: Call) -> CallOutcome:
    """See a call through while ledgers close."""

    async def closing() -> None:
        while True:
            await asyncio.sleep(0.05)
            counter.network.close_ledger()

    beat = asyncio.create_task(closing())
    try:
        made = calculator(counter)
        return await made.watch(call, str(await made.send(call)))
    finally:
        beat.cancel()
        with suppress(asyncio.CancelledError):
            await beat


async def test_a_call_is_answered_once_however_often_it_is_made(counter: LocalClient) -> None:
    call = await signed(counter)
    outcome = await carried(counter, call)
    assert (outcome.status, outcome.fresh) == (CallStatus.ANSWERED, True)
    assert outcome.contract_result is not None
    assert (outcome.contract_result.amount, outcome.contract_result.outage_id) == (-500, "oA")
    assert await carried(counter, call) == outcome
    assert (await counter.view("get_stats"))["total_calculations"] == 1


async def test_what_the_contract_remembers_is_told_apart_from_what_is_new(
    counter: LocalClient,
) -> None:
    await carried(counter, await signed(counter))
    outcome = await carried(counter, await signed(counter))
    assert (outcome.status, outcome.fresh) == (CallStatus.ANSWERED, False)
    assert outcome.contract_result is not None
    assert outcome.contract_result.amount == -500


@pytest.mark.parametrize("kind", ["accept_then_timeout", "reset_after", "internal_error"])
async def test_an_answer_that_never_came_proves_nothing(counter: LocalClient, kind: str) -> None:
    call = await signed(counter)
    counter.network.faults.replace([Fault(kind, method="sendTransaction")], 1)
    assert (await carried(counter, call)).status is CallStatus.ANSWERED


async def test_a_call_that_came_too_late_is_proven_dead(counter: LocalClient) -> None:
    call = await signed(counter)
    for _ in range(LEDGERS_TO_LIVE + 1):
        counter.network.close_ledger()
    assert (await carried(counter, call)).status is CallStatus.EXPIRED


async def test_a_call_nobody_has_seen_is_open(counter: LocalClient) -> None:
    call = await signed(counter)
    counter.network.faults.replace([Fault("node_down")], 1)
    outcome = await calculator(counter).watch(call, "UNKNOWN ChainUnavailable")
    assert (outcome.status, outcome.reason) == (CallStatus.OPEN, "cannot look: ChainUnavailable")


async def test_a_sequence_that_something_else_consumed_is_lost(counter: LocalClient) -> None:
    call = await signed(counter)
    await carried(counter, await signed(counter, "oB"))
    assert (await carried(counter, call)).status is CallStatus.LOST


async def test_an_answer_in_the_ledger_that_cannot_be_read_is_said_to_be(
    counter: LocalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await signed(counter)
    _, readers = FUNCTIONS["calculate_sla"]
    other = (lambda *_asked: scval.to_string("of another version").to_xdr_bytes(), readers)
    monkeypatch.setitem(FUNCTIONS, "calculate_sla", other)  # as if its code was replaced meanwhile
    outcome = await carried(counter, call)
    assert (outcome.status, outcome.contract_result) == (CallStatus.ANSWERED, None)
    assert "of another version" in outcome.reason
    with pytest.raises(ContractRefused, match="no result that this engine can read"):
        await signed(counter, "oB")  # and what is not yet signed is not paid for


async def test_a_call_that_a_contract_refuses_in_a_ledger_failed(counter: LocalClient) -> None:
    call = await signed(counter)
    await counter.call(
        "pause", scval.to_address(ADMIN.public_key), scval.to_string("now"), by=ADMIN
    )
    outcome = await carried(counter, call)
    assert outcome.status is CallStatus.FAILED
    assert "INVOKE_HOST_FUNCTION_TRAPPED" in outcome.reason
    with pytest.raises(Obstructed, match="it is paused"):
        await signed(counter)


async def test_other_minutes_under_the_same_name_are_for_a_person(counter: LocalClient) -> None:
    await carried(counter, await signed(counter))
    with pytest.raises(ContractRefused, match=r"from other minutes or terms \(#13\)"):
        await signed(counter, minutes=21)


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
        ("Error(Contract, #99)", ContractRefused, "for a reason it has no name for (#99)"),
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
def test_what_a_trial_of_a_call_says_is_read(error: str, kind: type, sentence: str) -> None:
    refused = to_error("it", f"HostError: {error}" if error.startswith("Error") else error)
    assert type(refused) is kind
    assert str(refused).startswith("it refuses: ")
    assert sentence in str(refused)


async def test_a_busy_network_is_outbid_around_the_same_call(counter: LocalClient) -> None:
    call, made = await signed(counter), calculator(counter)
    fees, operator = await balances(counter)
    start_fault_plan(counter.network, [Fault("surge_fee", value=30_000)], 1)
    bids = [call]
    while (answer := await made.send(bids[-1])).outbid:
        higher = await made.raise_bid(bids[-1], answer)
        assert higher is not None
        bids.append(higher)
    assert len(bids) == 3  # 1,000, 10,000 and 100,000 stroops an operation
    assert {(bid.hash, bid.sequence, bid.max_ledger) for bid in bids} == {
        (call.hash, call.sequence, call.max_ledger)
    }
    assert await made.raise_bid(bids[-1], answer) is None  # taken: nothing more to bid
    outcome = await carried(counter, bids[-1])
    assert (outcome.status, outcome.fresh) == (CallStatus.ANSWERED, True)
    assert (await counter.view("get_stats"))["total_calculations"] == 1
    # The fee account has paid, and the operator nothing.
    after = await balances(counter)
    assert after[0] < fees - 30_000
    assert after[1] == operator


async def balances(counter: LocalClient) -> list[int]:
    """What the fee account and the operator hold, in stroops of XLM."""
    keys = make_account_keys([FEES.public_key, OPERATOR.public_key])
    found: dict[str, int] = {}
    for each in (await counter.server.get_ledger_entries(keys)).entries or []:
        entry = xdr.LedgerEntryData.from_xdr(each.xdr).account
        assert entry is not None
        found[get_address(entry)] = entry.balance.int64
    return [found[FEES.public_key], found[OPERATOR.public_key]]


async def test_a_call_that_ledgers_pass_by_is_outbid(counter: LocalClient) -> None:
    call, made = await signed(counter), calculator(counter)
    pending = answered("PENDING")
    for _ in range(LEDGERS_TO_A_RAISE - 1):
        counter.network.close_ledger()
    assert await made.raise_bid(call, pending) is None
    counter.network.close_ledger()
    higher = await made.raise_bid(call, pending)
    assert higher is not None
    # Having bid more, it is given as many ledgers again.
    assert await made.raise_bid(higher, pending) is None


async def test_a_call_is_not_outbid_beyond_the_cap(counter: LocalClient) -> None:
    made = SlaContract(nodes(counter), PASSPHRASE, counter.contract, OPERATOR, FEES, 1)
    with pytest.raises(Obstructed, match="raise STELLAR_FEE_CAP_STROOPS"):
        await made.sign_call("oA", Severity.HIGH, 5)
