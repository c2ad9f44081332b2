"""sendTransaction and simulateTransaction."""

from __future__ import annotations

import base64
from typing import Any

from stellar_sdk.xdr import TransactionResultCode as Code

from stellar_sandbox.envelopes.envelope_parser import parse_envelope
from stellar_sandbox.envelopes.frozen_keys import touches_frozen_account
from stellar_sandbox.envelopes.transaction_frame import InvalidEnvelope, TransactionFrame
from stellar_sandbox.envelopes.transaction_result import (
    TransactionRefused,
    encode_transaction_result,
)
from stellar_sandbox.network.network import Node
from stellar_sandbox.network.transaction_queue import DuplicateTransaction, TryAgainLater
from stellar_sandbox.rpc.rpc_errors import INTERNAL, INVALID_PARAMS, RpcError
from stellar_sandbox.rpc.simulation import simulate


def simulate_transaction(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    envelope = _read_envelope(node, params)
    ledger = node.network.ledger
    return simulate(
        envelope, params, node.ltx, node.last_closed, ledger.passphrase, ledger.contracts
    )


def send_transaction(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    envelope = _read_envelope(node, params)
    header = node.last_closed
    answer: dict[str, Any] = {
        "hash": envelope.hash.hex(),
        "latestLedger": header.sequence,
        "latestLedgerCloseTime": str(header.close_time),
    }
    faults = node.network.faults
    if faults.trigger("banned_hash", node.index, "sendTransaction"):
        node.queue.ban([envelope.hash])
    if touches_frozen_account(envelope, node.filtered) and not node.queue.is_banned(envelope):
        faults.counts["frozen_key"] += 1
        # stellar-core answers FILTERED, a status that stellar-rpc does not know.
        raise RpcError(INTERNAL, "invalid status from stellar-core")
    try:
        node.queue.try_add(envelope, node.ltx, node.build_next_ledger_context(header))
    except TryAgainLater:
        return {"status": "TRY_AGAIN_LATER", **answer}
    except DuplicateTransaction:
        return {"status": "DUPLICATE", **answer}
    except TransactionRefused as refused:
        if refused.code == Code.txFROZEN_KEY_ACCESSED:
            faults.counts["frozen_key"] += 1
        return {
            "status": "ERROR",
            "errorResultXdr": _build_error_result(envelope, refused),
            **answer,
        }
    if faults.trigger("dropped_transaction", node.index, "sendTransaction"):
        node.queue.drop(envelope.source)
    return {"status": "PENDING", **answer}


def keep_transaction(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    """Answer PENDING, and keep the transaction instead of passing it on."""
    envelope = _read_envelope(node, params)
    header = node.last_closed
    node.network.keep_transaction(envelope)
    return {
        "status": "PENDING",
        "hash": envelope.hash.hex(),
        "latestLedger": header.sequence,
        "latestLedgerCloseTime": str(header.close_time),
    }


def _build_error_result(envelope: TransactionFrame, refused: TransactionRefused) -> str:
    """Encode the TransactionResult of a refusal; its fee is the bid, or the fee that was needed."""
    inner = envelope.inner_hash if refused.inner else None
    too_low = refused.code == Code.txINSUFFICIENT_FEE
    fee = refused.fee if too_low else envelope.fee
    raw = encode_transaction_result(fee, refused.code, refused.operations, inner)
    return base64.b64encode(raw).decode()


def _read_envelope(node: Node, params: dict[str, Any]) -> TransactionFrame:
    text = params.get("transaction")
    if not isinstance(text, str):
        raise RpcError(INVALID_PARAMS, "transaction must be base64 of an envelope")
    try:
        return parse_envelope(text, node.network.passphrase)
    except InvalidEnvelope as error:
        raise RpcError(INVALID_PARAMS, "invalid_xdr", str(error)) from error
