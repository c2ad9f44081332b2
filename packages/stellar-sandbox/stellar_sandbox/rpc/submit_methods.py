"""Sending a transaction, and trying one out first."""

from __future__ import annotations

import base64
from typing import Any

from stellar_sdk.xdr import TransactionResultCode as Code

from stellar_sandbox.envelopes.frozen_keys import touches
from stellar_sandbox.envelopes.transaction_frame import Envelope, Unreadable, read_envelope
from stellar_sandbox.envelopes.transaction_result import Refused, transaction_result
from stellar_sandbox.network.network import Node
from stellar_sandbox.network.transaction_queue import Busy, Duplicate
from stellar_sandbox.rpc.rpc_errors import INTERNAL, INVALID_PARAMS, Problem
from stellar_sandbox.rpc.simulation import simulate


def simulate_transaction(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    envelope = _envelope(node, params)
    ledger = node.network.ledger
    return simulate(envelope, params, node.state, node.head, ledger.passphrase, ledger.contracts)


def send_transaction(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    envelope = _envelope(node, params)
    head = node.head
    answer: dict[str, Any] = {
        "hash": envelope.hash.hex(),
        "latestLedger": head.sequence,
        "latestLedgerCloseTime": str(head.close_time),
    }
    faults = node.network.faults
    if faults.strikes("banned_hash", node.index, "sendTransaction"):
        node.queue.ban([envelope.hash])
    if touches(envelope, node.filtered) and not node.queue.is_banned(envelope):
        faults.counts["frozen_key"] += 1
        # stellar-core says FILTERED, a status that stellar-rpc does not know.
        raise Problem(INTERNAL, "invalid status from stellar-core")
    try:
        node.queue.submit(envelope, node.state, node.moment_after(head))
    except Busy:
        return {"status": "TRY_AGAIN_LATER", **answer}
    except Duplicate:
        return {"status": "DUPLICATE", **answer}
    except Refused as refusal:
        if refusal.code == Code.txFROZEN_KEY_ACCESSED:
            faults.counts["frozen_key"] += 1
        return {"status": "ERROR", "errorResultXdr": _error(envelope, refusal), **answer}
    if faults.strikes("dropped_transaction", node.index, "sendTransaction"):
        node.queue.drop(envelope.source)
    return {"status": "PENDING", **answer}


def _error(envelope: Envelope, refusal: Refused) -> str:
    """The result the transaction would have had; the fee in it is what was asked or needed."""
    inner = envelope.inner_hash if refusal.inner else None
    too_low = refusal.code == Code.txINSUFFICIENT_FEE
    fee = refusal.fee if too_low else envelope.fee
    raw = transaction_result(fee, refusal.code, refusal.operations, inner)
    return base64.b64encode(raw).decode()


def _envelope(node: Node, params: dict[str, Any]) -> Envelope:
    text = params.get("transaction")
    if not isinstance(text, str):
        raise Problem(INVALID_PARAMS, "transaction must be base64 of an envelope")
    try:
        return read_envelope(text, node.network.passphrase)
    except Unreadable as error:
        raise Problem(INVALID_PARAMS, "invalid_xdr", str(error)) from error
