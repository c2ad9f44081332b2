"""A contract as native code, by its id, under the same discipline as the asset's own."""

from __future__ import annotations

import pytest
from stellar_sdk import StrKey, scval, xdr
from stellar_sdk.exceptions import PrepareTransactionException

from stellar_sandbox.client import Box
from stellar_sandbox.contracts.host import Call
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.entries import ContractData
from stellar_sandbox.ledger.ledger_keys import INSTANCE_SLOT, address_of
from stellar_sandbox.testing.accounts import CHANNELS, PAYER, SHOP
from stellar_sandbox.testing.wallet import Desk, sign

COUNTER = StrKey.encode_contract(b"counter".ljust(32, b"."))
SLOT = scval.to_symbol("Count").to_xdr_bytes().hex()
# An instance whose executable is a Wasm hash; nobody looks it up.
INSTANCE = bytes.fromhex("0000001300000000") + bytes(32) + xdr_codec.ZERO


class Counter:
    """Counts for whoever signs, and says so."""

    def invoke(self, call: Call) -> bytes:
        assert call.args[0].address is not None
        call.require_auth(address_of(call.args[0].address))
        call.instructions += 1_000
        known = call.state.data(COUNTER, SLOT)
        count = 1 + (scval.from_uint32(known_value(known)) if known else 0)
        call.state.put(ContractData(COUNTER, SLOT, xdr_codec.sc_u32(count).hex(), 1, 2**32 - 1))
        call.events.append(
            xdr_codec.event(COUNTER, [xdr_codec.sc_symbol("counted")], xdr_codec.sc_u32(count))
        )
        return xdr_codec.sc_u32(count)


def known_value(entry: ContractData) -> xdr.SCVal:
    return xdr.SCVal.from_xdr_bytes(bytes.fromhex(entry.value))


@pytest.fixture
def counting(box: Box) -> Box:
    instance = ContractData(COUNTER, INSTANCE_SLOT, INSTANCE.hex(), 1, 2**32 - 1)
    box.network.deploy(instance, Counter())
    return box


async def test_a_deployed_contract_counts_keeps_and_tells(desk: Desk, counting: Box) -> None:
    for sequence in (1, 2):
        builder = desk.builder(CHANNELS[0], sequence)
        builder.append_invoke_contract_function_op(
            COUNTER, "count", [scval.to_address(PAYER.public_key)], source=PAYER.public_key
        )
        prepared = await desk.server.prepare_transaction(builder.build())
        assert await desk.send(sign(prepared, CHANNELS[0], PAYER)) == "PENDING"
        counting.close_ledger()
        assert await desk.outcome(prepared) == "SUCCESS"

    kept = await desk.server.get_contract_data(COUNTER, scval.to_symbol("Count"))
    assert kept is not None
    events = await desk.server.get_events(start_ledger=1)
    assert [scval.to_native(event.value) for event in events.events] == [1, 2]


async def test_nobody_counts_in_anothers_name(desk: Desk, counting: Box) -> None:
    builder = desk.builder(CHANNELS[0], 1)
    builder.append_invoke_contract_function_op(
        COUNTER, "count", [scval.to_address(SHOP.public_key)], source=PAYER.public_key
    )
    prepared = await desk.server.prepare_transaction(builder.build())
    assert await desk.send(sign(prepared, CHANNELS[0], PAYER)) == "PENDING"
    counting.close_ledger()

    assert await desk.outcome(prepared) == "FAILED"
    assert await desk.server.get_contract_data(COUNTER, scval.to_symbol("Count")) is None


async def test_an_unknown_contract_answers_nothing(desk: Desk) -> None:
    builder = desk.builder(CHANNELS[0], 1)
    builder.append_invoke_contract_function_op(COUNTER, "count", [])

    with pytest.raises(PrepareTransactionException):
        await desk.server.prepare_transaction(builder.build())
