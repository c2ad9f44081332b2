"""JSON-RPC 2.0: the table of methods, requests and error answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc import (
    event_methods,
    ledger_methods,
    node_methods,
    submit_methods,
    transaction_methods,
)
from stellar_sandbox.rpc.rpc_errors import INTERNAL, INVALID_REQUEST, RpcError

METHOD_NOT_FOUND, PARSE_ERROR = -32601, -32700

Method = Callable[[Node, dict[str, Any]], dict[str, Any]]

METHODS: dict[str, Method] = {
    "getHealth": node_methods.get_health,
    "getNetwork": node_methods.get_network,
    "getVersionInfo": node_methods.get_version_info,
    "getLatestLedger": ledger_methods.get_latest_ledger,
    "getFeeStats": node_methods.get_fee_stats,
    "getLedgerEntries": ledger_methods.get_ledger_entries,
    "simulateTransaction": submit_methods.simulate_transaction,
    "sendTransaction": submit_methods.send_transaction,
    "getTransaction": transaction_methods.get_transaction,
    "getTransactions": transaction_methods.get_transactions,
    "getEvents": event_methods.get_events,
    "getLedgers": ledger_methods.get_ledgers,
}


def parse_request(raw: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RpcError(PARSE_ERROR, f"invalid JSON: {error}") from error
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise RpcError(INVALID_REQUEST, "a request is one object with a method")
    return request


def answer_request(node: Node, request: dict[str, Any], override: Method | None = None) -> bytes:
    """Answer one request with its method, or with `override`."""
    try:
        method = override or METHODS.get(request["method"])
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, "method not found", request["method"])
        params = request.get("params") or {}
        if not isinstance(params, dict):
            raise RpcError(INVALID_REQUEST, "params must be named")
        response = {"jsonrpc": "2.0", "id": request.get("id"), "result": method(node, params)}
    except RpcError as error:
        return encode_error(request.get("id"), error)
    return orjson.dumps(response)


def encode_error(request_id: object, error: RpcError) -> bytes:
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": body})


def encode_internal_error(request_id: object, message: str) -> bytes:
    return encode_error(request_id, RpcError(INTERNAL, message))
