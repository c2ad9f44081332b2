"""One request and its answer, with everything that can befall either on the way.

The server and the in-process client both speak through here, so a fault is the same on both.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stellar_sandbox.ledger.ledger_store import Record
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc import json_rpc, transaction_methods
from stellar_sandbox.rpc.rpc_errors import Problem

BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
GARBAGE = b'{"jsonrpc": "2.0", "result": {"stat'
HANG_SECONDS = 60.0


class Break(Enum):
    """How a connection ends without an answer."""

    RESET = "reset"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Reply:
    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    broken: Break | None = None


async def exchange(node: Node, raw: bytes) -> Reply:
    try:
        request = json_rpc.read_request(raw)
    except Problem as problem:
        return Reply(json_rpc.error_answer(None, problem))
    node.network.calls[request["method"]] += 1
    if not node.network.faults.faults:
        return Reply(json_rpc.call(node, request))
    spoiled = await _before(node, request)
    if spoiled is not None:
        return spoiled
    if request["method"] == "getTransaction" and _strikes(node, request, "racy_not_found"):
        return Reply(await _race(node, request))
    return _after(node, request, json_rpc.call(node, request))


async def _before(node: Node, request: dict[str, Any]) -> Reply | None:
    """What keeps a request from arriving."""
    slow = node.network.faults.strikes("slow", node.index, request["method"])
    if slow is not None:
        await asyncio.sleep(slow.seconds)
    if _strikes(node, request, "node_down") or _strikes(node, request, "reset_before"):
        return Reply(broken=Break.RESET)
    if _strikes(node, request, "too_many_requests"):
        return Reply(b"Too Many Requests", 429, "text/plain")
    if _strikes(node, request, "bad_gateway"):
        return Reply(BAD_GATEWAY, 502, "text/html")
    return None


def _after(node: Node, request: dict[str, Any], answer: bytes) -> Reply:
    """What becomes of an answer when the request has long done its work."""
    if _strikes(node, request, "accept_then_timeout"):
        return Reply(broken=Break.HANG)
    if _strikes(node, request, "reset_after"):
        return Reply(broken=Break.RESET)
    if _strikes(node, request, "internal_error"):
        return Reply(
            json_rpc.internal_error(request.get("id"), "could not submit transaction to core")
        )
    if _strikes(node, request, "garbage"):
        return Reply(GARBAGE)
    return Reply(answer)


async def _race(node: Node, request: dict[str, Any]) -> bytes:
    """Look for the transaction now, and read which ledger is the latest only after the next close.

    This is the real order of a node's two reads. So the answer may be NOT_FOUND with a latest
    ledger that holds the transaction; but never for a ledger known before the question was put.
    """
    found: list[Record | None] = []

    def look(node: Node, params: dict[str, Any]) -> dict[str, Any]:
        found.append(transaction_methods.find(node, params))
        return {}

    def tell(node: Node, params: dict[str, Any]) -> dict[str, Any]:
        return transaction_methods.describe(node, params, found[0])

    answer = json_rpc.call(node, request, look)
    if not found:
        return answer
    await node.network.next_close()
    return json_rpc.call(node, request, tell)


def _strikes(node: Node, request: dict[str, Any], kind: str) -> bool:
    return node.network.faults.strikes(kind, node.index, request["method"]) is not None
