"""getLatestLedger, getLedgers and getLedgerEntries: ledgers, and the entries they hold."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from stellar_sdk import xdr

from stellar_sandbox.envelopes import frozen_keys
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.entries import ContractData
from stellar_sandbox.ledger.ledger_keys import key_of
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc.ledger_close_meta import header_entry, metadata
from stellar_sandbox.rpc.pagination import cursor_of, page_limit, start_ledger
from stellar_sandbox.rpc.rpc_errors import INVALID_PARAMS, Problem

MAX_KEYS = 200

MAX_LEDGERS, DEFAULT_LEDGERS = 200, 50


def get_latest_ledger(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    head = node.head
    return {
        "id": head.hash,
        "protocolVersion": node.protocol,
        "sequence": head.sequence,
        "closeTime": str(head.close_time),
        "headerXdr": head.header,
        "metadataXdr": metadata(node.network.ledger, head),
    }


def get_ledgers(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    ledger, head, oldest = node.network.ledger, node.head, node.oldest
    limit = page_limit(params, DEFAULT_LEDGERS, MAX_LEDGERS)
    cursor = cursor_of(params)
    if cursor:
        start = _after(cursor, oldest.sequence, head.sequence)
    else:
        start = start_ledger(params, oldest.sequence, head.sequence)
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


def _after(cursor: str, oldest: int, latest: int) -> int:
    """The ledger after the cursor's, which must be there already: to be caught up is an error."""
    start = int(cursor) + 1 if cursor.isdecimal() and len(cursor) <= 10 else 0
    if not oldest <= start <= latest:
        message = (
            f"cursor ('{cursor}') must be between the oldest ledger: {oldest} and the latest "
            f"ledger: {latest} for this rpc instance"
        )
        raise Problem(INVALID_PARAMS, message)
    return start


def get_ledger_entries(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    """Entries as of one and the same ledger: the answer is a snapshot at its `latestLedger`."""
    asked = params.get("keys")
    if not isinstance(asked, list):
        raise Problem(INVALID_PARAMS, "keys must be a list")
    if len(asked) > MAX_KEYS:
        message = f"key count ({len(asked)}) exceeds maximum supported ({MAX_KEYS})"
        raise Problem(INVALID_PARAMS, message)
    state, network = node.state, node.network
    entries: list[dict[str, Any]] = []
    for text in asked:
        asked_for = _read_key(text)
        if frozen_keys.is_asked_for(asked_for):
            told = frozen_keys.setting(network.ledger.frozen, network.settings.genesis.asset)
            entries.append({"key": text, "xdr": told, "lastModifiedLedgerSeq": 1})
            continue
        key = key_of(asked_for)
        entry = state.get(key) if key is not None else None
        if entry is None:
            continue
        row: dict[str, Any] = {
            "key": text,
            "xdr": base64.b64encode(xdr_codec.entry_data(entry)).decode(),
            "lastModifiedLedgerSeq": entry.changed,
        }
        if isinstance(entry, ContractData):
            row["liveUntilLedgerSeq"] = entry.live_until
        entries.append(row)
    return {"entries": entries, "latestLedger": node.head.sequence}


def _read_key(text: str) -> xdr.LedgerKey:
    try:
        return xdr.LedgerKey.from_xdr(text)
    except (AttributeError, ValueError, EOFError, binascii.Error) as error:
        message = f"cannot unmarshal key value {text}: {error}"
        raise Problem(INVALID_PARAMS, message) from error
