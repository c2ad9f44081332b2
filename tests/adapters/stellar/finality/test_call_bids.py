"""A call of the SLA contract is bid for with a higher fee while the network is busy."""

import pytest
from stellar_sdk import xdr

from adapters.stellar.finality.sla_contract import SlaContract
from adapters.stellar.rpc.ledger_entries import make_account_keys, to_address
from domain.errors import Obstructed
from domain.settlement.envelopes import LEDGERS_TO_A_RAISE
from domain.sla.attestations import (
    CallStatus,
)
from domain.sla.verdicts import Severity
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.testing.accounts import FEES, PASSPHRASE
from stellar_sandbox.testing.local_client import LocalClient
from tests.adapters.stellar.finality.conftest import OPERATOR
from tests.adapters.stellar.finality.sla_calls import (
    build_nodes,
    connect_contract,
    sign_call,
    submit_call,
)
from tests.testkit.reasons import parse_answer


async def test_a_higher_fee_is_bid_around_the_same_call(counter: LocalClient) -> None:
    call, made = await sign_call(counter), connect_contract(counter)
    fees, operator = await read_balances(counter)
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
    outcome = await submit_call(counter, bids[-1])
    assert (outcome.status, outcome.fresh) == (CallStatus.ANSWERED, True)
    assert (await counter.view("get_stats"))["total_calculations"] == 1
    # The fee account has paid, and the operator nothing.
    after = await read_balances(counter)
    assert after[0] < fees - 30_000
    assert after[1] == operator


async def read_balances(counter: LocalClient) -> list[int]:
    """What the fee account and the operator hold, in stroops of XLM."""
    keys = make_account_keys([FEES.public_key, OPERATOR.public_key])
    found: dict[str, int] = {}
    for each in (await counter.server.get_ledger_entries(keys)).entries or []:
        entry = xdr.LedgerEntryData.from_xdr(each.xdr).account
        assert entry is not None
        found[to_address(entry.account_id)] = entry.balance.int64
    return [found[FEES.public_key], found[OPERATOR.public_key]]


async def test_a_call_left_out_of_ledgers_gets_a_higher_bid(counter: LocalClient) -> None:
    call, made = await sign_call(counter), connect_contract(counter)
    pending = parse_answer("PENDING")
    for _ in range(LEDGERS_TO_A_RAISE - 1):
        counter.network.close_ledger()
    assert await made.raise_bid(call, pending) is None
    counter.network.close_ledger()
    higher = await made.raise_bid(call, pending)
    assert higher is not None
    # Having bid more, it is given as many ledgers again.
    assert await made.raise_bid(higher, pending) is None


async def test_a_bid_for_a_call_stays_below_the_cap(counter: LocalClient) -> None:
    made = SlaContract(build_nodes(counter), PASSPHRASE, counter.contract, OPERATOR, FEES, 1)
    with pytest.raises(Obstructed, match="raise STELLAR_FEE_CAP_STROOPS"):
        await made.sign_call("oA", Severity.HIGH, 5)
