"""getEvents and getLedgers: the past by what contracts said, and ledger by ledger."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import orjson
from stellar_sdk import StrKey, xdr

from sandbox.stellar.closes import header_entry, metadata
from sandbox.stellar.histories import page_limit, pagination, start_place, write_cursor
from sandbox.stellar.network import Node
from sandbox.stellar.problems import INVALID_PARAMS, Problem
from sandbox.stellar.store import Record

MAX_EVENTS, DEFAULT_EVENTS = 10_000, 100
MAX_LEDGERS, DEFAULT_LEDGERS = 200, 50
MAX_FILTERS, MAX_CONTRACTS, MAX_TOPICS = 5, 5, 5
SCANNED_LEDGERS = 10_000
PAGE = 500

Place = tuple[int, int, int, int]  # ledger, transaction, operation, event


def get_ledgers(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    ledger, head, oldest = node.network.ledger, node.head, node.oldest
    limit = page_limit(params, DEFAULT_LEDGERS, MAX_LEDGERS)
    cursor = pagination(params).get("cursor")
    if cursor and str(cursor).isdigit():
        start = int(cursor) + 1
    else:
        start = start_place(params, oldest.sequence, head.sequence)[0]
    heads = ledger.store.heads(start, head.sequence, limit)
    rows = [
        {
            "hash": item.hash,
            "sequence": item.sequence,
            "ledgerCloseTime": str(item.close_time),
            "headerXdr": base64.b64encode(header_entry(item)).decode(),
            "metadataXdr": metadata(ledger, item),
        }
        for item in heads
    ]
    return {
        "ledgers": rows,
        "latestLedger": head.sequence,
        "latestLedgerCloseTime": head.close_time,
        "oldestLedger": oldest.sequence,
        "oldestLedgerCloseTime": oldest.close_time,
        "cursor": str(heads[-1].sequence if heads else start - 1),
    }


def get_events(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    head, oldest = node.head, node.oldest
    limit = page_limit(params, DEFAULT_EVENTS, MAX_EVENTS)
    filters = _read_filters(params)
    start = _start(params, oldest.sequence, head.sequence)
    end = params.get("endLedger") or head.sequence + 1
    if not isinstance(end, int):
        raise Problem(INVALID_PARAMS, "endLedger must be a number")
    last = min(head.sequence, start[0] + SCANNED_LEDGERS - 1, end - 1)
    found: list[dict[str, Any]] = []
    place = (start[0], start[1])
    while len(found) < limit:
        records = node.network.ledger.store.page(place, last, PAGE)
        for record in records:
            told = (row for row in _events(record) if row[0] > start and _wanted(row[1], filters))
            found.extend(row for _, row in told)
        if len(records) < PAGE:
            break
        place = (records[-1].ledger, records[-1].position + 1)
    found = found[:limit]
    end_cursor = f"{write_cursor(last + 1, 0) - 2:019d}-{2**32 - 1:010d}"
    return {
        "events": found,
        "latestLedger": head.sequence,
        "oldestLedger": oldest.sequence,
        "latestLedgerCloseTime": str(head.close_time),
        "oldestLedgerCloseTime": str(oldest.close_time),
        "cursor": found[-1]["id"] if len(found) == limit else end_cursor,
    }


def _start(params: dict[str, Any], oldest: int, latest: int) -> Place:
    """The place after which events are told."""
    cursor = pagination(params).get("cursor")
    if not cursor:
        ledger, position = start_place(params, oldest, latest)
        return ledger, position, -1, -1
    try:
        number, index = (int(part) for part in str(cursor).split("-"))
    except ValueError as error:
        raise Problem(INVALID_PARAMS, f"invalid cursor: {cursor}") from error
    return number >> 32, number >> 12 & 0xFFFFF, number & 0xFFF, index


def _events(record: Record) -> list[tuple[Place, dict[str, Any]]]:
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
                "ledgerClosedAt": _moment(record.created_at),
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


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_filters(params: dict[str, Any]) -> list[dict[str, Any]]:
    filters = params.get("filters") or []
    if not isinstance(filters, list) or len(filters) > MAX_FILTERS:
        raise Problem(INVALID_PARAMS, f"maximum {MAX_FILTERS} filters per request")
    for item in filters:
        if not isinstance(item, dict):
            raise Problem(INVALID_PARAMS, "a filter is an object")
        if len(item.get("contractIds") or []) > MAX_CONTRACTS:
            raise Problem(INVALID_PARAMS, f"maximum {MAX_CONTRACTS} contract IDs per filter")
        if len(item.get("topics") or []) > MAX_TOPICS:
            raise Problem(INVALID_PARAMS, f"maximum {MAX_TOPICS} topics per filter")
    return filters


def _wanted(row: dict[str, Any], filters: list[dict[str, Any]]) -> bool:
    return not filters or any(_passes(row, item) for item in filters)


def _passes(row: dict[str, Any], item: dict[str, Any]) -> bool:
    if item.get("type") not in (None, "", "contract"):
        return False
    contracts, topics = item.get("contractIds") or [], item.get("topics") or []
    if contracts and row["contractId"] not in contracts:
        return False
    return not topics or any(_matches(row["topic"], pattern) for pattern in topics)


def _matches(topics: list[str], pattern: list[str]) -> bool:
    """`*` stands for one topic, a closing `**` for any number of them."""
    open_ended = bool(pattern) and pattern[-1] == "**"
    wanted = pattern[:-1] if open_ended else pattern
    if len(topics) < len(wanted) or (len(topics) > len(wanted) and not open_ended):
        return False
    return all(want in ("*", topic) for want, topic in zip(wanted, topics, strict=False))
