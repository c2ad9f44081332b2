"""One request and its answer, with the faults that the plan applies to either.

The server and the in-process client share this pipeline, so a fault is the same on both.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stellar_sandbox.ledger.ledger_store import TransactionRecord
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc import json_rpc, transaction_methods
from stellar_sandbox.rpc.lies import false_answers
from stellar_sandbox.rpc.rpc_errors import RpcError

BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
GARBAGE = b'{"jsonrpc": "2.0", "result": {"stat'
HANG_SECONDS = 60.0


class ConnectionFailure(Enum):
    """How a connection ends without an answer."""

    RESET = "reset"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class RpcReply:
    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    connection_failure: ConnectionFailure | None = None


async def handle_request(node: Node, raw: bytes) -> RpcReply:
    try:
        request = json_rpc.parse_request(raw)
    except RpcError as error:
        return RpcReply(json_rpc.encode_error(None, error))
    node.network.calls[request["method"]] += 1
    if not node.network.faults.faults:
        return RpcReply(json_rpc.answer_request(node, request))
    failure = await _apply_request_faults(node, request)
    if failure is not None:
        return failure
    if request["method"] == "getTransaction" and _is_triggered(node, request, "racy_not_found"):
        return RpcReply(await _answer_before_close(node, request))
    override = false_answers.choose_override(node, request["method"])
    answer = json_rpc.answer_request(node, request, override)
    return _apply_response_faults(node, request, false_answers.change_answer(node, request, answer))


async def _apply_request_faults(node: Node, request: dict[str, Any]) -> RpcReply | None:
    """Return the answer of a fault that keeps the request from arriving, if one occurs."""
    slow = node.network.faults.trigger("slow", node.index, request["method"])
    if slow is not None:
        await asyncio.sleep(slow.seconds)
    if _is_triggered(node, request, "node_down") or _is_triggered(node, request, "reset_before"):
        return RpcReply(connection_failure=ConnectionFailure.RESET)
    if _is_triggered(node, request, "too_many_requests"):
        return RpcReply(b"Too Many Requests", 429, "text/plain")
    if _is_triggered(node, request, "bad_gateway"):
        return RpcReply(BAD_GATEWAY, 502, "text/html")
    return None


def _apply_response_faults(node: Node, request: dict[str, Any], answer: bytes) -> RpcReply:
    """Return the answer, or what a fault makes of it after the request has done its work."""
    if _is_triggered(node, request, "accept_then_timeout"):
        return RpcReply(connection_failure=ConnectionFailure.HANG)
    if _is_triggered(node, request, "reset_after"):
        return RpcReply(connection_failure=ConnectionFailure.RESET)
    if _is_triggered(node, request, "internal_error"):
        return RpcReply(
            json_rpc.encode_internal_error(
                request.get("id"), "could not submit transaction to core"
            )
        )
    if _is_triggered(node, request, "garbage"):
        return RpcReply(GARBAGE)
    return RpcReply(answer)


async def _answer_before_close(node: Node, request: dict[str, Any]) -> bytes:
    """Find the transaction now, and read the latest ledger only after the next close.

    A node makes its two reads in this order. So the answer may be NOT_FOUND with a latest
    ledger that holds the transaction; but never with a ledger closed before the request.
    """
    found: list[TransactionRecord | None] = []

    def find(node: Node, params: dict[str, Any]) -> dict[str, Any]:
        found.append(transaction_methods.find_transaction(node, params))
        return {}

    def build_answer(node: Node, params: dict[str, Any]) -> dict[str, Any]:
        return transaction_methods.build_answer(node, params, found[0])

    answer = json_rpc.answer_request(node, request, find)
    if not found:
        return answer
    await node.network.wait_for_close()
    return json_rpc.answer_request(node, request, build_answer)


def _is_triggered(node: Node, request: dict[str, Any], kind: str) -> bool:
    return node.network.faults.trigger(kind, node.index, request["method"]) is not None
