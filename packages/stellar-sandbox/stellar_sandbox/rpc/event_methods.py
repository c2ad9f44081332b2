"""getEvents: contract events of past ledgers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from stellar_sdk import StrKey, xdr

from stellar_sandbox.ledger.ledger_store import TransactionRecord
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc.event_filters import matches_any, parse_filters
from stellar_sandbox.rpc.pagination import format_cursor, read_limit, read_pagination
from stellar_sandbox.rpc.rpc_errors import INVALID_PARAMS, INVALID_REQUEST, RpcError

MAX_EVENTS, DEFAULT_EVENTS = 10_000, 100
SCANNED_LEDGERS = 10_000
PAGE = 500

EventPosition = tuple[int, int, int, int]  # ledger, transaction, operation, event


def get_events(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    header, oldest = node.last_closed, node.oldest_header
    limit = read_limit(params, DEFAULT_EVENTS, MAX_EVENTS, INVALID_PARAMS)
    filters = parse_filters(params)
    start = _read_start(params, oldest.sequence, header.sequence)
    end = params.get("endLedger") or header.sequence + 1
    if not isinstance(end, int):
        raise RpcError(INVALID_PARAMS, "endLedger must be a number")
    last = min(header.sequence, start[0] + SCANNED_LEDGERS - 1, end - 1)
    found: list[dict[str, Any]] = []
    position = (start[0], start[1])
    while len(found) < limit:
        records = node.network.ledger.store.read_transactions(position, last, PAGE)
        for record in records:
            matching = (
                row
                for row in list_events(record)
                if row[0] > start and matches_any(row[1], filters)
            )
            found.extend(row for _, row in matching)
        if len(records) < PAGE:
            break
        position = (records[-1].ledger, records[-1].position + 1)
    found = found[:limit]
    end_cursor = f"{format_cursor(last + 1, 0) - 2:019d}-{2**32 - 1:010d}"
    return {
        "events": found,
        "latestLedger": header.sequence,
        "oldestLedger": oldest.sequence,
        "latestLedgerCloseTime": str(header.close_time),
        "oldestLedgerCloseTime": str(oldest.close_time),
        "cursor": found[-1]["id"] if len(found) == limit else end_cursor,
    }


def _read_start(params: dict[str, Any], oldest: int, latest: int) -> EventPosition:
    """Return the position after which events are returned."""
    cursor, first = read_pagination(params).get("cursor"), params.get("startLedger") or 0
    if cursor:
        if first or params.get("endLedger"):
            raise RpcError(INVALID_PARAMS, "ledger ranges and cursor cannot both be set")
        start = _parse_event_id(str(cursor))
    elif not isinstance(first, int) or first < 1:
        raise RpcError(INVALID_PARAMS, "startLedger must be positive")
    else:
        start = first, 1, -1, -1
    if not oldest <= start[0] <= latest:
        message = f"startLedger must be within the ledger range: {oldest} - {latest}"
        raise RpcError(INVALID_REQUEST, message)
    return start


def _parse_event_id(cursor: str) -> EventPosition:
    number, dash, index = cursor.partition("-")
    if not (number.isdecimal() and dash and index.isdecimal()) or len(number) > 19:
        raise RpcError(INVALID_PARAMS, f"invalid cursor: {cursor}")
    position = int(number)
    return position >> 32, position >> 12 & 0xFFFFF, position & 0xFFF, int(index)


def list_events(record: TransactionRecord) -> list[tuple[EventPosition, dict[str, Any]]]:
    """Return the contract events of a transaction, each with its position."""
    body = orjson.loads(b"{" + record.body + b"}")
    rows = []
    for operation, texts in enumerate(body["events"]["contractEventsXdr"]):
        for index, text in enumerate(texts):
            event = xdr.ContractEvent.from_xdr(text)
            assert event.body.v0 is not None
            assert event.contract_id is not None
            number = record.ledger << 32 | record.position << 12 | operation
            row = {
                "type": "contract",
                "ledger": record.ledger,
                "ledgerClosedAt": _format_time(record.created_at),
                "contractId": StrKey.encode_contract(event.contract_id.contract_id.hash),
                "id": f"{number:019d}-{index:010d}",
                "operationIndex": operation,
                "transactionIndex": record.position,
                "txHash": record.hash.hex(),
                "inSuccessfulContractCall": True,
                "topic": [topic.to_xdr() for topic in event.body.v0.topics],
                "value": event.body.v0.data.to_xdr(),
            }
            rows.append(((record.ledger, record.position, operation, index), row))
    return rows


def _format_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
