"""Calls that no contract can answer are refused or fail, and the network lives on."""

from __future__ import annotations

import pytest
from stellar_sdk import (
    InvokeHostFunction,
    SorobanDataBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import (
    CHANNELS,
    CONTRACT,
    PAYER,
    SHOP,
    build_muxed_address,
)
from stellar_sandbox.testing.wallet import Wallet, sign


def host_call(wallet: Wallet, function: xdr.HostFunction) -> TransactionEnvelope:
    """A signed call of whatever a host can be asked to do, with resources enough for any."""
    envelope = wallet.start_transaction(CHANNELS[0], 1, 10_000_000).append_operation(
        InvokeHostFunction(function, source=PAYER.public_key)
    )
    data = SorobanDataBuilder().set_resources(1_000_000, 10_000, 10_000)
    built = envelope.set_soroban_data(data.set_resource_fee(5_000_000).build()).build()
    return sign(built, CHANNELS[0], PAYER)


async def test_code_that_is_brought_is_refused_and_the_network_goes_on(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    upload = xdr.HostFunction(
        xdr.HostFunctionType.HOST_FUNCTION_TYPE_UPLOAD_CONTRACT_WASM, wasm=b"\0asm"
    )
    assert await wallet.send(host_call(wallet, upload)) == "ERROR txFAILED"
    sandbox.close_ledger()
    assert await wallet.send(wallet.build_payment(CHANNELS[0], 1)) == "PENDING"
    sandbox.close_ledger()
    assert sandbox.read_balance(SHOP.public_key) == 25_000_000


@pytest.mark.parametrize("called", [SHOP.public_key, build_muxed_address(SHOP, 5), CONTRACT])
async def test_a_call_of_what_is_no_contract_fails_and_the_network_goes_on(
    wallet: Wallet, sandbox: StellarSandbox, called: str
) -> None:
    arguments = xdr.InvokeContractArgs(
        scval.to_address(called).address,  # type: ignore[arg-type]
        xdr.SCSymbol(b"transfer"),
        [],
    )
    call = xdr.HostFunction(
        xdr.HostFunctionType.HOST_FUNCTION_TYPE_INVOKE_CONTRACT, invoke_contract=arguments
    )
    envelope = host_call(wallet, call)
    assert await wallet.send(envelope) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(envelope) == "FAILED"
    found = await wallet.server.get_transaction(envelope.hash_hex())
    assert found.diagnostic_events_xdr
    event = xdr.DiagnosticEvent.from_xdr(found.diagnostic_events_xdr[0]).event
    assert (event.contract_id is not None) == (called == CONTRACT)
    assert await wallet.send(wallet.build_payment(CHANNELS[0], 2)) == "PENDING"
    sandbox.close_ledger()
    assert sandbox.read_balance(SHOP.public_key) == 25_000_000
