"""What a node tells about the past: one transaction by its hash, or all of them in order."""

from __future__ import annotations

from typing import Any

import orjson

from stellar_sandbox.ledger.ledger_store import Record
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc.pagination import (
    cursor_of,
    page_limit,
    read_cursor,
    start_ledger,
    write_cursor,
)
from stellar_sandbox.rpc.rpc_errors import INVALID_PARAMS, Problem

MAX_TRANSACTIONS, DEFAULT_TRANSACTIONS = 200, 50


def get_transaction(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    return describe(node, params, find(node, params))


def describe(node: Node, params: dict[str, Any], record: Record | None) -> dict[str, Any]:
    """The answer about a transaction; the range of ledgers in it is read only here."""
    head, oldest = node.told, node.oldest
    answer: dict[str, Any] = {
        "latestLedger": head.sequence,
        "latestLedgerCloseTime": str(head.close_time),
        "oldestLedger": oldest.sequence,
        "oldestLedgerCloseTime": str(oldest.close_time),
    }
    if record is None:
        return {"status": "NOT_FOUND", "txHash": params["hash"], **answer}
    return splice(record, params["hash"].lower(), answer, f'"{record.created_at}"')


def find(node: Node, params: dict[str, Any]) -> Record | None:
    """The transaction, if this node knows it: neither too new for it nor forgotten."""
    text = params.get("hash")
    try:
        digest = bytes.fromhex(text) if isinstance(text, str) and len(text) == 64 else b""
    except ValueError:
        digest = b""
    if not digest:
        raise Problem(INVALID_PARAMS, f"unexpected hash length or value: {text}")
    record = node.network.ledger.store.find(digest)
    if record is None or not node.oldest.sequence <= record.ledger <= node.told.sequence:
        return None
    return record


def splice(record: Record, digest: str, more: dict[str, Any], created_at: str) -> dict[str, Any]:
    """The stored JSON of a transaction with what surrounds it, without parsing it again."""
    head = orjson.dumps({"txHash": digest, **more})[:-1]
    text = head + b"," + record.body + b',"createdAt":' + created_at.encode() + b"}"
    return orjson.Fragment(text)  # type: ignore[return-value]


def get_transactions(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    ledger, head = node.network.ledger, node.told
    oldest = node.oldest
    limit = page_limit(params, DEFAULT_TRANSACTIONS, MAX_TRANSACTIONS)
    start = _start(params, oldest.sequence, head.sequence)
    records = ledger.store.page(start, head.sequence, limit)
    if len(records) == limit:
        place = write_cursor(records[-1].ledger, records[-1].position)
    elif start[0] > head.sequence:
        place = 0  # a cursor that leads nowhere, as stellar-rpc gives it
    else:
        # The last transaction told, or with none the start of the ledger: told again next time.
        told = (row.position for row in records if row.ledger == head.sequence)
        place = write_cursor(head.sequence, max(told, default=0))
    rows = [splice(row, row.hash.hex(), {}, str(row.created_at)) for row in records]
    return {
        "transactions": rows,
        "latestLedger": head.sequence,
        "latestLedgerCloseTimestamp": head.close_time,
        "oldestLedger": oldest.sequence,
        "oldestLedgerCloseTimestamp": oldest.close_time,
        "cursor": str(place),
    }


def _start(params: dict[str, Any], oldest: int, latest: int) -> tuple[int, int]:
    """Where a page begins: (ledger, position), from a start ledger or after a cursor."""
    cursor = cursor_of(params)
    if not cursor:
        return start_ledger(params, oldest, latest), 1
    try:
        ledger, position = read_cursor(int(cursor))
    except ValueError as error:
        raise Problem(INVALID_PARAMS, f"invalid cursor: {cursor}") from error
    if ledger < oldest:
        message = f"database does not contain metadata for ledger: {ledger}"
        raise Problem(INVALID_PARAMS, message)
    return ledger, position + 1
