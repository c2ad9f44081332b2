"""Contracts of a user: native code under a contract id, with the host's rules."""

from __future__ import annotations

import pytest
from stellar_sdk import StrKey, scval, xdr
from stellar_sdk.exceptions import PrepareTransactionException

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.contracts.host import ContractCall
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.entries import ContractDataEntry
from stellar_sandbox.ledger.ledger_keys import INSTANCE_KEY, parse_sc_address
from stellar_sandbox.testing.accounts import CHANNELS, PAYER, SHOP
from stellar_sandbox.testing.wallet import Wallet, sign

COUNTER = StrKey.encode_contract(b"counter".ljust(32, b"."))
SLOT = scval.to_symbol("Count").to_xdr_bytes().hex()
# An instance whose executable is a Wasm hash; nobody looks it up.
INSTANCE = bytes.fromhex("0000001300000000") + bytes(32) + xdr_codec.ZERO


class Counter:
    """Counts the calls of an address that authorized them, and emits the count."""

    def invoke(self, call: ContractCall) -> bytes:
        assert call.args[0].address is not None
        call.require_auth(parse_sc_address(call.args[0].address))
        call.instructions += 1_000
        stored = call.ltx.load_contract_data(COUNTER, SLOT)
        count = 1 + (scval.from_uint32(read_value(stored)) if stored else 0)
        call.ltx.put(
            ContractDataEntry(COUNTER, SLOT, xdr_codec.encode_u32(count).hex(), 1, 2**32 - 1)
        )
        call.events.append(
            xdr_codec.encode_event(
                COUNTER, [xdr_codec.encode_symbol("counted")], xdr_codec.encode_u32(count)
            )
        )
        return xdr_codec.encode_u32(count)


def read_value(entry: ContractDataEntry) -> xdr.SCVal:
    return xdr.SCVal.from_xdr_bytes(bytes.fromhex(entry.value))


@pytest.fixture
def counting(sandbox: StellarSandbox) -> StellarSandbox:
    instance = ContractDataEntry(COUNTER, INSTANCE_KEY, INSTANCE.hex(), 1, 2**32 - 1)
    sandbox.network.deploy(instance, Counter())
    return sandbox


async def test_a_deployed_contract_counts_keeps_and_tells(
    wallet: Wallet, counting: StellarSandbox
) -> None:
    for sequence in (1, 2):
        builder = wallet.start_transaction(CHANNELS[0], sequence)
        builder.append_invoke_contract_function_op(
            COUNTER, "count", [scval.to_address(PAYER.public_key)], source=PAYER.public_key
        )
        prepared = await wallet.server.prepare_transaction(builder.build())
        assert await wallet.send(sign(prepared, CHANNELS[0], PAYER)) == "PENDING"
        counting.close_ledger()
        assert await wallet.read_status(prepared) == "SUCCESS"

    kept = await wallet.server.get_contract_data(COUNTER, scval.to_symbol("Count"))
    assert kept is not None
    events = await wallet.server.get_events(start_ledger=1)
    assert [scval.to_native(event.value) for event in events.events] == [1, 2]


async def test_nobody_counts_in_anothers_name(wallet: Wallet, counting: StellarSandbox) -> None:
    builder = wallet.start_transaction(CHANNELS[0], 1)
    builder.append_invoke_contract_function_op(
        COUNTER, "count", [scval.to_address(SHOP.public_key)], source=PAYER.public_key
    )
    prepared = await wallet.server.prepare_transaction(builder.build())
    assert await wallet.send(sign(prepared, CHANNELS[0], PAYER)) == "PENDING"
    counting.close_ledger()

    assert await wallet.read_status(prepared) == "FAILED"
    assert await wallet.server.get_contract_data(COUNTER, scval.to_symbol("Count")) is None


async def test_an_unknown_contract_answers_nothing(wallet: Wallet) -> None:
    builder = wallet.start_transaction(CHANNELS[0], 1)
    builder.append_invoke_contract_function_op(COUNTER, "count", [])

    with pytest.raises(PrepareTransactionException):
        await wallet.server.prepare_transaction(builder.build())
