"""simulateTransaction: result, footprint, resources, fee and authorization of a call."""

from __future__ import annotations

import base64
from struct import pack
from typing import Any

from stellar_sdk import xdr
from stellar_sdk.xdr import OperationType

from stellar_sandbox.contracts.authorization import derive_nonce
from stellar_sandbox.contracts.host import (
    ContractCall,
    Contracts,
    HostContext,
    invoke_contract,
    measure_disk_reads,
    measure_writes,
)
from stellar_sandbox.contracts.host_errors import HostError
from stellar_sandbox.envelopes.transaction_frame import TransactionFrame, get_source
from stellar_sandbox.ledger import entry_codec, fees, xdr_codec
from stellar_sandbox.ledger.entries import LedgerKey
from stellar_sandbox.ledger.ledger_header import LedgerHeader
from stellar_sandbox.ledger.ledger_txn import LedgerTxn, collect_changes
from stellar_sandbox.rpc.rpc_errors import INVALID_PARAMS, RpcError

INSTRUCTION_MARGIN = 50_000
SIGNATURES_BYTES = 500  # bytes that signatures add to the envelope


def simulate(
    envelope: TransactionFrame,
    params: dict[str, Any],
    ltx: LedgerTxn,
    header: LedgerHeader,
    passphrase: str,
    contracts: Contracts,
) -> dict[str, Any]:
    unsupported = _find_unsupported(envelope)
    if unsupported is not None:
        return {"error": unsupported, "latestLedger": header.sequence}
    operation = envelope.operations[0]
    body = operation.body.invoke_host_function_op
    assert body is not None
    source = get_source(operation, envelope.source)
    mode = params.get("authMode")
    recording = mode != "enforce" and not (mode is None and body.auth)
    context = HostContext(
        ltx, source, header.sequence + 1, header.close_time + 1, passphrase, contracts
    )
    try:
        call, return_value = invoke_contract(body, context, footprint=None, recording=recording)
    except HostError as host_error:
        return {
            "error": f"HostError: {host_error.text}\n\nEvent log (newest first):\n   0: "
            f'[Diagnostic Event] topics:[error, {host_error.text}], data:"escalating error"\n',
            "events": [],
            "latestLedger": header.sequence,
        }
    config = params.get("resourceConfig")
    leeway = config.get("instructionLeeway", 0) if isinstance(config, dict) else 0
    if not isinstance(leeway, int) or not 0 <= leeway < 2**31:
        raise RpcError(INVALID_PARAMS, "instructionLeeway must be a whole number")
    return _build_answer(envelope, call, return_value, leeway, header)


def _find_unsupported(envelope: TransactionFrame) -> str | None:
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


def _build_answer(
    envelope: TransactionFrame,
    call: ContractCall,
    return_value: bytes,
    leeway: int,
    header: LedgerHeader,
) -> dict[str, Any]:
    changes = collect_changes(call.ltx)
    writes = sorted(key for key, _, _ in changes)
    reads = sorted(call.ltx.reads - set(writes))
    instructions = call.instructions + INSTRUCTION_MARGIN + leeway
    sizes = instructions, measure_disk_reads([*reads, *writes]), measure_writes(call.ltx.changes)
    footprint = xdr_codec.encode_array([entry_codec.encode_ledger_key(key) for key in reads])
    footprint += xdr_codec.encode_array([entry_codec.encode_ledger_key(key) for key in writes])
    resources = footprint + pack(">III", *sizes)
    declared = xdr.SorobanResources.from_xdr_bytes(resources)
    auth = [_build_authorization(call, address) for address in call.authorization.recorded]
    size = (envelope.size + len(resources) + sum(map(len, auth))) * 11 // 10 + SIGNATURES_BYTES
    refundable_fee = fees.compute_events_fee(sum(map(len, call.events)) + len(return_value))
    fee = fees.compute_resource_fee(declared, size) + refundable_fee * 115 // 100 + 1
    return {
        "transactionData": _encode_base64(xdr_codec.ZERO + resources + pack(">q", fee)),
        "minResourceFee": str(fee),
        "events": [_encode_base64(xdr_codec.ONE + event) for event in call.events],
        "results": [{"auth": auth, "xdr": _encode_base64(return_value)}],
        "stateChanges": [_render_change(*change) for change in changes],
        "latestLedger": header.sequence,
    }


def _build_authorization(call: ContractCall, address: str) -> str:
    """Return the authorization entry of an address, to be signed unless it is the source."""
    if address == call.authorization.source:
        credentials = xdr_codec.ZERO
    else:
        # Nonce, expiration and a void signature, for the client to fill in.
        nonce = derive_nonce(address, call.arguments.to_xdr_bytes(), call.ledger)
        blank = pack(">qIi", nonce, 0, 1)
        credentials = xdr_codec.ONE + xdr_codec.encode_address(address) + blank
    arguments = call.arguments.to_xdr_bytes()
    return _encode_base64(credentials + xdr_codec.ZERO + arguments + xdr_codec.ZERO)


def _render_change(key: LedgerKey, old: Any, new: Any) -> dict[str, Any]:
    kind = "created" if old is None else "updated" if new is not None else "deleted"
    return {
        "type": kind,
        "key": _encode_base64(entry_codec.encode_ledger_key(key)),
        "before": old and _encode_base64(entry_codec.encode_ledger_entry(old)),
        "after": new and _encode_base64(entry_codec.encode_ledger_entry(new)),
    }


def _encode_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
