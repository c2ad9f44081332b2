"""What a node tells about the past: one transaction by its hash, or all of them in order."""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.stellar.network import Node
from sandbox.stellar.problems import INVALID_PARAMS, INVALID_REQUEST, Problem
from sandbox.stellar.store import Record

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


def pagination(params: dict[str, Any]) -> dict[str, Any]:
    options = params.get("pagination") or {}
    if not isinstance(options, dict):
        raise Problem(INVALID_PARAMS, "pagination must be an object")
    return options


def page_limit(params: dict[str, Any], default: int, most: int, code: int = INVALID_REQUEST) -> int:
    limit = pagination(params).get("limit") or default
    if not isinstance(limit, int) or limit < 1:
        raise Problem(INVALID_PARAMS, "limit must be a positive number")
    if limit > most:
        raise Problem(code, f"limit must not exceed {most}")
    return limit


def cursor_of(params: dict[str, Any]) -> str:
    """The cursor, if there is one: then there is no start ledger."""
    cursor = pagination(params).get("cursor") or ""
    if not isinstance(cursor, str):
        raise Problem(INVALID_PARAMS, "a cursor is a string")
    if cursor and params.get("startLedger"):
        raise Problem(INVALID_REQUEST, "startLedger and cursor cannot both be set")
    return cursor


def start_ledger(params: dict[str, Any], oldest: int, latest: int) -> int:
    """The ledger that was asked for to begin with."""
    start = params.get("startLedger") or 0
    if not isinstance(start, int) or not oldest <= start <= latest:
        message = (
            f"start ledger must be between the oldest ledger: {oldest} and the latest ledger: "
            f"{latest} for this rpc instance"
        )
        raise Problem(INVALID_REQUEST, message)
    return start


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


def write_cursor(ledger: int, position: int) -> int:
    """A place in history as one number, as the network counts: ledger, transaction, operation."""
    return ledger << 32 | position << 12 | 1


def read_cursor(cursor: int) -> tuple[int, int]:
    if not 0 <= cursor < 2**63:
        raise ValueError(cursor)
    return cursor >> 32, cursor >> 12 & 0xFFFFF
