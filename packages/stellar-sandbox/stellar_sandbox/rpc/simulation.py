"""A trial run of a contract call: what it would answer, touch, cost and need signed."""

from __future__ import annotations

import base64
from struct import pack
from typing import Any

from stellar_sdk import xdr
from stellar_sdk.xdr import OperationType

from stellar_sandbox.contracts.authorization import nonce_for
from stellar_sandbox.contracts.host import (
    Call,
    Contracts,
    Setting,
    disk_read_bytes,
    run_call,
    write_bytes,
)
from stellar_sandbox.contracts.host_errors import Trapped
from stellar_sandbox.envelopes.transaction_frame import Envelope, source_of
from stellar_sandbox.ledger import fees, xdr_codec
from stellar_sandbox.ledger.entries import Key
from stellar_sandbox.ledger.ledger_header import Head
from stellar_sandbox.ledger.ledger_txn import State, changes_of
from stellar_sandbox.rpc.rpc_errors import INVALID_PARAMS, Problem

INSTRUCTION_MARGIN = 50_000
SIGNATURES_ROOM = 500  # bytes that signatures may add to the envelope


def simulate(
    envelope: Envelope,
    params: dict[str, Any],
    state: State,
    head: Head,
    passphrase: str,
    contracts: Contracts,
) -> dict[str, Any]:
    fault = _unfit(envelope)
    if fault is not None:
        return {"error": fault, "latestLedger": head.sequence}
    operation = envelope.operations[0]
    body = operation.body.invoke_host_function_op
    assert body is not None
    source = source_of(operation, envelope.source)
    mode = params.get("authMode")
    recording = mode != "enforce" and not (mode is None and body.auth)
    setting = Setting(state, source, head.sequence + 1, head.close_time + 1, passphrase, contracts)
    try:
        call, answer = run_call(body, setting, footprint=None, recording=recording)
    except Trapped as trapped:
        return {
            "error": f"HostError: {trapped.text}\n\nEvent log (newest first):\n   0: "
            f'[Diagnostic Event] topics:[error, {trapped.text}], data:"escalating error"\n',
            "events": [],
            "latestLedger": head.sequence,
        }
    config = params.get("resourceConfig")
    leeway = config.get("instructionLeeway", 0) if isinstance(config, dict) else 0
    if not isinstance(leeway, int) or not 0 <= leeway < 2**31:
        raise Problem(INVALID_PARAMS, "instructionLeeway must be a whole number")
    return _describe(envelope, call, answer, leeway, head)


def _unfit(envelope: Envelope) -> str | None:
    if envelope.is_fee_bump:
        return "Transaction contains unsupported envelope type: fee bump"
    if len(envelope.operations) != 1:
        return "Transaction contains more than one operation"
    kind = envelope.operations[0].body.type
    if kind != OperationType.INVOKE_HOST_FUNCTION:
        return f"Transaction contains unsupported operation type: {kind.name}"
    if envelope.tx.memo.type != xdr.MemoType.MEMO_NONE:
        return "Transaction contains a memo: memos are not allowed for Soroban transactions"
    return None


def _describe(
    envelope: Envelope, call: Call, answer: bytes, leeway: int, head: Head
) -> dict[str, Any]:
    changes = changes_of(call.state)
    writes = sorted(key for key, _, _ in changes)
    reads = sorted(call.state.reads - set(writes))
    instructions = call.instructions + INSTRUCTION_MARGIN + leeway
    sizes = instructions, disk_read_bytes([*reads, *writes]), write_bytes(call.state.changes)
    footprint = xdr_codec.array([xdr_codec.ledger_key(key) for key in reads])
    footprint += xdr_codec.array([xdr_codec.ledger_key(key) for key in writes])
    resources = footprint + pack(">III", *sizes)
    declared = xdr.SorobanResources.from_xdr_bytes(resources)
    auth = [_authorization(call, address) for address in call.authority.recorded]
    size = (envelope.size + len(resources) + sum(map(len, auth))) * 11 // 10 + SIGNATURES_ROOM
    said = fees.events_fee(sum(map(len, call.events)) + len(answer))
    fee = fees.resource_fee(declared, size) + said * 115 // 100 + 1
    return {
        "transactionData": _text(xdr_codec.ZERO + resources + pack(">q", fee)),
        "minResourceFee": str(fee),
        "events": [_text(xdr_codec.ONE + event) for event in call.events],
        "results": [{"auth": auth, "xdr": _text(answer)}],
        "stateChanges": [_change(*change) for change in changes],
        "latestLedger": head.sequence,
    }


def _authorization(call: Call, address: str) -> str:
    """What must be allowed: by the transaction's own signature, or by the address apart."""
    if address == call.authority.source:
        credentials = xdr_codec.ZERO
    else:
        # Nonce, expiry and a void signature: what the address has still to fill in.
        nonce = nonce_for(address, call.arguments.to_xdr_bytes(), call.ledger)
        blank = pack(">qIi", nonce, 0, 1)
        credentials = xdr_codec.ONE + xdr_codec.bare_address(address) + blank
    arguments = call.arguments.to_xdr_bytes()
    return _text(credentials + xdr_codec.ZERO + arguments + xdr_codec.ZERO)


def _change(key: Key, old: Any, new: Any) -> dict[str, Any]:
    kind = "created" if old is None else "updated" if new is not None else "deleted"
    return {
        "type": kind,
        "key": _text(xdr_codec.ledger_key(key)),
        "before": old and _text(xdr_codec.ledger_entry(old)),
        "after": new and _text(xdr_codec.ledger_entry(new)),
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
