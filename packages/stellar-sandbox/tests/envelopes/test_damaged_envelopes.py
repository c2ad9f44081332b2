"""Damaged envelopes: none pays by accident, and none stops the ledger."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from stellar_sdk import Claimant, xdr
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.envelopes.transaction_frame import V1_TAG, hash_passphrase
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.rpc.request_pipeline import handle_request
from stellar_sandbox.testing.accounts import (
    CHANNELS,
    PASSPHRASE,
    PAYER,
    SHOP,
    STRANGER,
    USDC,
    build_genesis_document,
    build_muxed_address,
)
from stellar_sandbox.testing.wallet import Wallet

Changes = list[tuple[int, int]]
# Small numbers are kinds of things in XDR, so they make sense more often than others.
bytes_ = st.integers(0, 8) | st.integers(0, 255)
changes = st.lists(st.tuples(st.integers(0, 2_000), bytes_), max_size=4)


def damage(raw: bytearray, changes: Changes, start: int = 0) -> None:
    for place, value in changes:
        raw[start + place % (len(raw) - start)] = value


async def call_rpc(sandbox: StellarSandbox, method: str, envelope: str) -> dict[str, Any]:
    params = {"transaction": envelope}
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer: dict[str, Any] = orjson.loads(
        (await handle_request(sandbox.network.nodes[0], orjson.dumps(request))).body
    )
    return answer


@settings(max_examples=150, deadline=None)
@given(
    changes=changes,
    cut=st.integers(0, 40),
    method=st.sampled_from(["sendTransaction", "simulateTransaction"]),
)
async def test_a_damaged_envelope_never_pays(changes: Changes, cut: int, method: str) -> None:
    sandbox = StellarSandbox(Genesis.parse(build_genesis_document()))
    wallet = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client()))
    whole = (await wallet.build_transfer(CHANNELS[0], 1, build_muxed_address(SHOP, 5))).to_xdr()
    raw = bytearray(base64.b64decode(whole))
    damage(raw, changes)
    damaged = base64.b64encode(raw[: len(raw) - cut]).decode()

    answer = await call_rpc(sandbox, method, damaged)
    assert "error" in answer or "latestLedger" in answer["result"]
    sandbox.close_ledger()
    same = damaged == whole and method == "sendTransaction"
    assert sandbox.read_balance(SHOP.public_key) == (25 if same else 0)
    sandbox.network.close()


async def whole(wallet: Wallet, kind: str) -> xdr.Transaction:
    """A transaction in order, by contract or of the operations a channel may carry."""
    if kind == "call":
        transfer = await wallet.build_transfer(CHANNELS[0], 1, build_muxed_address(SHOP, 5))
        return transfer.transaction.to_xdr_object()
    builder, payer = wallet.start_transaction(CHANNELS[0], 1), PAYER.public_key
    builder.append_payment_op(SHOP.public_key, USDC, "1", payer)
    builder.append_create_claimable_balance_op(USDC, "1", [Claimant(SHOP.public_key)], payer)
    builder.append_set_options_op(home_domain="example.org", source=payer)
    builder.append_create_account_op(STRANGER.public_key, "5", payer)
    return builder.append_bump_sequence_op(5).build().transaction.to_xdr_object()


def signed(tx: xdr.Transaction) -> str:
    digest = sha256(hash_passphrase(PASSPHRASE) + V1_TAG + tx.to_xdr_bytes()).digest()
    signatures = [key.sign_decorated(digest).to_xdr_object() for key in (CHANNELS[0], PAYER)]
    envelope = xdr.TransactionEnvelope(
        xdr.EnvelopeType.ENVELOPE_TYPE_TX, v1=xdr.TransactionV1Envelope(tx, signatures)
    )
    return envelope.to_xdr()


@settings(max_examples=300, deadline=None)
@given(changes=changes, kind=st.sampled_from(["call", "call", "operations"]))
async def test_whatever_is_signed_is_answered_and_the_ledger_closes(
    changes: Changes, kind: str
) -> None:
    sandbox = StellarSandbox(Genesis.parse(build_genesis_document()))
    wallet = Wallet(SorobanServerAsync("http://in-process", sandbox.create_client()))
    raw = bytearray((await whole(wallet, kind)).to_xdr_bytes())
    damage(raw, changes, start=36)  # the channel stays, so that the signatures fit
    try:
        tx = xdr.Transaction.from_xdr_bytes(bytes(raw))
    except (ValueError, EOFError):
        return
    for method in ("simulateTransaction", "sendTransaction"):
        answer = await call_rpc(sandbox, method, signed(tx))
        assert "error" in answer or "latestLedger" in answer["result"]
    sandbox.close_ledger()
    assert await wallet.send(wallet.build_payment(CHANNELS[1], 1)) == "PENDING"
    sandbox.close_ledger()
    assert await wallet.read_status(wallet.build_payment(CHANNELS[1], 1)) == "SUCCESS"
    sandbox.network.close()
