"""Calls of the asset's contract: who must sign, what a call must bring, and what it answers."""

from __future__ import annotations

from stellar_sdk import scval, xdr

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import (
    CHANNELS,
    CONTRACT,
    ISSUER,
    PAYER,
    SHOP,
)
from stellar_sandbox.testing.wallet import Wallet, sign

CHANNEL = CHANNELS[0]


async def test_a_transfer_the_owner_did_not_sign_for_is_refused(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    envelope = await wallet.build_transfer(CHANNEL, 1)
    envelope.signatures = envelope.signatures[:1]

    answer = await wallet.server.send_transaction(envelope)
    assert answer.error_result_xdr is not None
    result = xdr.TransactionResult.from_xdr(answer.error_result_xdr).result
    assert result.code.name == "txFAILED"
    assert result.results is not None
    assert result.results[0].code.name == "opBAD_AUTH"


async def test_a_signature_nobody_needs_is_refused(wallet: Wallet) -> None:
    envelope = wallet.build_payment(CHANNEL, 1)
    envelope.sign(ISSUER)

    assert await wallet.send(envelope) == "ERROR txBAD_AUTH_EXTRA"


async def test_a_call_needs_its_footprint(wallet: Wallet, sandbox: StellarSandbox) -> None:
    envelope = await wallet.build_transfer(CHANNEL, 1)
    data = envelope.transaction.soroban_data
    assert data is not None
    data.resources.footprint.read_write.pop()
    envelope.signatures = []
    await wallet.send(sign(envelope, CHANNEL, PAYER))
    sandbox.close_ledger()

    assert await wallet.read_status(envelope) == "FAILED"
    assert sandbox.read_balance(SHOP.public_key) == 0


async def test_a_call_with_a_memo_or_without_resources_is_invalid(wallet: Wallet) -> None:
    envelope = await wallet.build_transfer(CHANNEL, 1)
    bare = await wallet.build_transfer(CHANNEL, 1)
    envelope.transaction.memo = wallet.start_transaction(CHANNEL, 1).add_text_memo("hello").memo
    bare.transaction.soroban_data = None
    for each in (envelope, bare):
        each.signatures = []
        sign(each, CHANNEL, PAYER)

    assert await wallet.send(envelope) == "ERROR txSOROBAN_INVALID"
    assert await wallet.send(bare) == "ERROR txSOROBAN_INVALID"


async def test_the_views_of_the_asset_contract(wallet: Wallet) -> None:
    async def view(name: str, *args: xdr.SCVal) -> object:
        builder = wallet.start_transaction(CHANNEL, 1)
        builder.append_invoke_contract_function_op(CONTRACT, name, list(args))
        answer = await wallet.server.simulate_transaction(builder.build())
        assert answer.results is not None, answer.error
        return scval.to_native(answer.results[0].xdr)

    payer = scval.to_address(PAYER.public_key)
    assert await view("balance", payer) == 1_000_000 * 10_000_000
    assert await view("authorized", payer) is True
    assert await view("decimals") == 7
    assert await view("symbol") == "USDC"
    assert await view("name") == f"USDC:{ISSUER.public_key}"
