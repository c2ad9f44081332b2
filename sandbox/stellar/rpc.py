"""JSON-RPC 2.0 as stellar-rpc speaks it: the table of methods, and the errors it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.stellar import happenings, histories, submissions, surveys
from sandbox.stellar.network import Node
from sandbox.stellar.problems import INTERNAL, INVALID_REQUEST, Problem

METHOD_NOT_FOUND, PARSE_ERROR = -32601, -32700

Method = Callable[[Node, dict[str, Any]], dict[str, Any]]

METHODS: dict[str, Method] = {
    "getHealth": surveys.get_health,
    "getNetwork": surveys.get_network,
    "getVersionInfo": surveys.get_version_info,
    "getLatestLedger": surveys.get_latest_ledger,
    "getFeeStats": surveys.get_fee_stats,
    "getLedgerEntries": surveys.get_ledger_entries,
    "simulateTransaction": submissions.simulate_transaction,
    "sendTransaction": submissions.send_transaction,
    "getTransaction": histories.get_transaction,
    "getTransactions": histories.get_transactions,
    "getEvents": happenings.get_events,
    "getLedgers": happenings.get_ledgers,
}


def read_request(raw: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Problem(PARSE_ERROR, f"invalid JSON: {error}") from error
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise Problem(INVALID_REQUEST, "a request is one object with a method")
    return request


def call(node: Node, request: dict[str, Any], instead: Method | None = None) -> bytes:
    """Answer one request, whatever it is, by its own method or by another one instead."""
    try:
        method = instead or METHODS.get(request["method"])
        if method is None:
            raise Problem(METHOD_NOT_FOUND, "method not found", request["method"])
        params = request.get("params") or {}
        if not isinstance(params, dict):
            raise Problem(INVALID_REQUEST, "params must be named")
        answer = {"jsonrpc": "2.0", "id": request.get("id"), "result": method(node, params)}
    except Problem as problem:
        return error_answer(request.get("id"), problem)
    return orjson.dumps(answer)


def error_answer(request_id: object, problem: Problem) -> bytes:
    error: dict[str, object] = {"code": problem.code, "message": problem.message}
    if problem.data is not None:
        error["data"] = problem.data
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": error})


def internal_error(request_id: object, message: str) -> bytes:
    return error_answer(request_id, Problem(INTERNAL, message))
