"""getTransaction and getTransactions."""

from __future__ import annotations

from typing import Any

import orjson

from stellar_sandbox.ledger.ledger_store import TransactionRecord
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc.pagination import (
    format_cursor,
    parse_cursor,
    read_cursor,
    read_limit,
    read_start_ledger,
)
from stellar_sandbox.rpc.rpc_errors import INVALID_PARAMS, RpcError

MAX_TRANSACTIONS, DEFAULT_TRANSACTIONS = 200, 50


def get_transaction(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    return build_answer(node, params, find_transaction(node, params))


def build_answer(
    node: Node, params: dict[str, Any], record: TransactionRecord | None
) -> dict[str, Any]:
    """Return the answer of getTransaction; the range of ledgers in it is read here."""
    header, oldest = node.history_header, node.oldest_header
    answer: dict[str, Any] = {
        "latestLedger": header.sequence,
        "latestLedgerCloseTime": str(header.close_time),
        "oldestLedger": oldest.sequence,
        "oldestLedgerCloseTime": str(oldest.close_time),
    }
    if record is None:
        return {"status": "NOT_FOUND", "txHash": params["hash"], **answer}
    return render_transaction(record, params["hash"].lower(), answer, f'"{record.created_at}"')


def find_transaction(node: Node, params: dict[str, Any]) -> TransactionRecord | None:
    """Return the transaction, if it is within this node's history."""
    text = params.get("hash")
    try:
        digest = bytes.fromhex(text) if isinstance(text, str) and len(text) == 64 else b""
    except ValueError:
        digest = b""
    if not digest:
        raise RpcError(INVALID_PARAMS, f"unexpected hash length or value: {text}")
    record = node.network.ledger.store.find_transaction(digest)
    if (
        record is None
        or not node.oldest_header.sequence <= record.ledger <= node.history_header.sequence
    ):
        return None
    return record


def render_transaction(
    record: TransactionRecord, digest: str, more: dict[str, Any], created_at: str
) -> dict[str, Any]:
    """Return the stored JSON of a transaction with the given fields, without parsing it again."""
    fields = orjson.dumps({"txHash": digest, **more})[:-1]
    text = fields + b"," + record.body + b',"createdAt":' + created_at.encode() + b"}"
    return orjson.Fragment(text)  # type: ignore[return-value]


def get_transactions(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    ledger, header = node.network.ledger, node.history_header
    oldest = node.oldest_header
    limit = read_limit(params, DEFAULT_TRANSACTIONS, MAX_TRANSACTIONS)
    start = _read_start(params, oldest.sequence, header.sequence)
    records = ledger.store.read_transactions(start, header.sequence, limit)
    if len(records) == limit:
        cursor_position = format_cursor(records[-1].ledger, records[-1].position)
    elif start[0] > header.sequence:
        cursor_position = 0  # stellar-rpc gives this cursor too
    else:
        # The last returned transaction; with none the start of the ledger, which is returned again.
        positions = (row.position for row in records if row.ledger == header.sequence)
        cursor_position = format_cursor(header.sequence, max(positions, default=0))
    rows = [render_transaction(row, row.hash.hex(), {}, str(row.created_at)) for row in records]
    return {
        "transactions": rows,
        "latestLedger": header.sequence,
        "latestLedgerCloseTimestamp": header.close_time,
        "oldestLedger": oldest.sequence,
        "oldestLedgerCloseTimestamp": oldest.close_time,
        "cursor": str(cursor_position),
    }


def _read_start(params: dict[str, Any], oldest: int, latest: int) -> tuple[int, int]:
    """Return where a page begins, (ledger, position): at a start ledger or after a cursor."""
    cursor = read_cursor(params)
    if not cursor:
        return read_start_ledger(params, oldest, latest), 1
    try:
        ledger, position = parse_cursor(int(cursor))
    except ValueError as error:
        raise RpcError(INVALID_PARAMS, f"invalid cursor: {cursor}") from error
    if ledger < oldest:
        message = f"database does not contain metadata for ledger: {ledger}"
        raise RpcError(INVALID_PARAMS, message)
    return ledger, position + 1
