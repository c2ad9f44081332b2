"""What a node that lies makes of its answers: a payment failed, or was made, or a sequence is higher."""

from __future__ import annotations

import base64
from typing import Any

import orjson
from stellar_sdk import StrKey, xdr

from stellar_sandbox.envelopes.envelope_parser import parse_envelope
from stellar_sandbox.envelopes.transaction_result import (
    FAILED,
    encode_operation_result,
    encode_transaction_result,
)
from stellar_sandbox.ledger.ledger_store import TransactionRecord
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc.event_filters import matches_any, parse_filters
from stellar_sandbox.rpc.event_methods import list_events
from stellar_sandbox.rpc.json_rpc import Method
from stellar_sandbox.rpc.submit_methods import keep_transaction
from stellar_sandbox.rpc.transaction_methods import render_transaction

SEND = "sendTransaction"
# Of a contract call and of a payment: trapped, and a balance that is too low.
FAILURES = {xdr.OperationType.INVOKE_HOST_FUNCTION: -2}
UNDERFUNDED = -2


def choose_override(node: Node, method: str) -> Method | None:
    """Return the method of a node that keeps what it is sent."""
    lies = method == SEND and node.network.faults.trigger("lying_success", node.index, SEND)
    return keep_transaction if lies else None


def change_answer(node: Node, request: dict[str, Any], answer: bytes) -> bytes:
    """Return the answer, or the lie that the plan has this node tell instead."""
    method = request["method"]
    change = CHANGES.get(method)
    if change is None or not any(
        fault.matches(kind, node.index, method)
        for kind in ("lying_failed", "lying_success", "high_sequence")
        for fault in node.network.faults.faults
    ):
        return answer
    response = orjson.loads(answer)
    if "result" in response:
        change(node, request.get("params") or {}, response["result"])
    return orjson.dumps(response)


def _change_transaction(node: Node, params: dict[str, Any], result: dict[str, Any]) -> None:
    digest = str(params.get("hash")).lower()
    for record in _list_kept(node, "getTransaction"):
        if result["status"] == "NOT_FOUND" and digest in (
            record.hash.hex(),
            record.inner_hash.hex(),
        ):
            more = {key: value for key, value in result.items() if key.startswith(("l", "o"))}
            result.update(_show(record, digest, more, f'"{record.created_at}"'))
    if result["status"] == "SUCCESS" and _tells(node, "lying_failed", "getTransaction"):
        _call_failed(node, result)


def _change_transactions(node: Node, params: dict[str, Any], result: dict[str, Any]) -> None:
    rows, kept = result["transactions"], _list_kept(node, "getTransactions")
    start = params.get("startLedger") or int(result["cursor"]) >> 32
    found = [record for record in kept if record.ledger >= start]
    rows += [_show(each, each.hash.hex(), {}, str(each.created_at)) for each in found]
    for row in rows:
        if row["status"] == "SUCCESS" and _tells(node, "lying_failed", "getTransactions"):
            _call_failed(node, row)


def _change_events(node: Node, params: dict[str, Any], result: dict[str, Any]) -> None:
    if result["events"] and _tells(node, "lying_failed", "getEvents"):
        result["events"] = []
    filters, start = parse_filters(params), params.get("startLedger") or 0
    end = params.get("endLedger") or result["latestLedger"] + 1
    for record in _list_kept(node, "getEvents"):
        if start <= record.ledger < end:
            result["events"] += [row for _, row in list_events(record) if matches_any(row, filters)]


def _change_entries(node: Node, params: dict[str, Any], result: dict[str, Any]) -> None:
    kept = _list_kept(node, "getLedgerEntries")
    for row in result["entries"]:
        data = xdr.LedgerEntryData.from_xdr(row["xdr"])
        if data.account is None:
            continue
        owner = data.account.account_id.account_id.ed25519
        assert owner is not None
        address = StrKey.encode_ed25519_public_key(owner.uint256)
        sequence = data.account.seq_num.sequence_number
        for record in kept:
            frame = _parse(node, record)
            if frame.source == address:
                sequence.int64 = max(sequence.int64, frame.sequence)
        for fault in node.network.faults.faults:
            if fault.matches("high_sequence", node.index, "getLedgerEntries") and (
                fault.address in (None, address)
            ):
                node.network.faults.trigger("high_sequence", node.index, "getLedgerEntries")
                sequence.int64 += fault.value or 0
        row["xdr"] = data.to_xdr()


CHANGES = {
    "getTransaction": _change_transaction,
    "getTransactions": _change_transactions,
    "getEvents": _change_events,
    "getLedgerEntries": _change_entries,
}


def _tells(node: Node, kind: str, method: str) -> bool:
    return node.network.faults.trigger(kind, node.index, method) is not None


def _list_kept(node: Node, method: str) -> list[TransactionRecord]:
    """Return the kept transactions that this node claims were applied by now."""
    seen = [each for each in node.network.kept if each.ledger <= node.history_header.sequence]
    return seen if seen and _tells(node, "lying_success", method) else []


def _show(
    record: TransactionRecord, digest: str, more: dict[str, Any], created_at: str
) -> dict[str, Any]:
    shown: dict[str, Any] = orjson.loads(
        orjson.dumps(render_transaction(record, digest, more, created_at))
    )
    return shown


def _parse(node: Node, record: TransactionRecord) -> Any:
    body = orjson.loads(b"{" + record.body + b"}")
    return parse_envelope(body["envelopeXdr"], node.network.passphrase)


def _call_failed(node: Node, shown: dict[str, Any]) -> None:
    """Turn a transaction that was applied into one that was not, as a node would show it."""
    frame = parse_envelope(shown["envelopeXdr"], node.network.passphrase)
    failures = [
        encode_operation_result(operation.body.type, FAILURES.get(operation.body.type, UNDERFUNDED))
        for operation in frame.operations
    ]
    inner = frame.inner_hash if frame.is_fee_bump else None
    raw = encode_transaction_result(frame.fee, FAILED, failures, inner)
    shown["status"], shown["resultXdr"] = "FAILED", base64.b64encode(raw).decode()
    shown["diagnosticEventsXdr"] = []
    shown["events"] = {
        "transactionEventsXdr": [],
        "contractEventsXdr": [[] for _ in frame.operations],
    }
