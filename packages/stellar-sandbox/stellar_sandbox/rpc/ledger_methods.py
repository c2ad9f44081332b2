"""getLatestLedger, getLedgers and getLedgerEntries: ledgers, and the entries they hold."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from stellar_sdk import xdr

from stellar_sandbox.envelopes import frozen_keys
from stellar_sandbox.ledger import entry_codec
from stellar_sandbox.ledger.entries import ContractDataEntry
from stellar_sandbox.ledger.ledger_keys import parse_ledger_key
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc.ledger_close_meta import build_close_meta, encode_header_entry
from stellar_sandbox.rpc.pagination import read_cursor, read_limit, read_start_ledger
from stellar_sandbox.rpc.rpc_errors import INVALID_PARAMS, RpcError

MAX_KEYS = 200

MAX_LEDGERS, DEFAULT_LEDGERS = 200, 50


def get_latest_ledger(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    header = node.last_closed
    return {
        "id": header.hash,
        "protocolVersion": node.protocol,
        "sequence": header.sequence,
        "closeTime": str(header.close_time),
        "headerXdr": header.header,
        "metadataXdr": build_close_meta(node.network.ledger, header),
    }


def get_ledgers(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    ledger, header, oldest = node.network.ledger, node.last_closed, node.oldest_header
    limit = read_limit(params, DEFAULT_LEDGERS, MAX_LEDGERS)
    cursor = read_cursor(params)
    if cursor:
        start = _parse_ledger_cursor(cursor, oldest.sequence, header.sequence)
    else:
        start = read_start_ledger(params, oldest.sequence, header.sequence)
    headers = ledger.store.read_headers(start, header.sequence, limit)
    rows = [
        {
            "hash": item.hash,
            "sequence": item.sequence,
            "ledgerCloseTime": str(item.close_time),
            "headerXdr": base64.b64encode(encode_header_entry(item)).decode(),
            "metadataXdr": build_close_meta(ledger, item),
        }
        for item in headers
    ]
    return {
        "ledgers": rows,
        "latestLedger": header.sequence,
        "latestLedgerCloseTime": header.close_time,
        "oldestLedger": oldest.sequence,
        "oldestLedgerCloseTime": oldest.close_time,
        "cursor": str(headers[-1].sequence if headers else start - 1),
    }


def _parse_ledger_cursor(cursor: str, oldest: int, latest: int) -> int:
    """Return the ledger after the cursor's; as in stellar-rpc it must exist."""
    start = int(cursor) + 1 if cursor.isdecimal() and len(cursor) <= 10 else 0
    if not oldest <= start <= latest:
        message = (
            f"cursor ('{cursor}') must be between the oldest ledger: {oldest} and the latest "
            f"ledger: {latest} for this rpc instance"
        )
        raise RpcError(INVALID_PARAMS, message)
    return start


def get_ledger_entries(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    """Return entries as of one ledger: a snapshot at `latestLedger`."""
    keys = params.get("keys")
    if not isinstance(keys, list):
        raise RpcError(INVALID_PARAMS, "keys must be a list")
    if len(keys) > MAX_KEYS:
        message = f"key count ({len(keys)}) exceeds maximum supported ({MAX_KEYS})"
        raise RpcError(INVALID_PARAMS, message)
    ltx, network = node.ltx, node.network
    entries: list[dict[str, Any]] = []
    for text in keys:
        key = _parse_key(text)
        if frozen_keys.is_frozen_keys_setting(key):
            setting = frozen_keys.encode_frozen_keys(
                network.ledger.frozen, network.settings.genesis.asset
            )
            entries.append({"key": text, "xdr": setting, "lastModifiedLedgerSeq": 1})
            continue
        entry_key = parse_ledger_key(key)
        entry = ltx.get(entry_key) if entry_key is not None else None
        if entry is None:
            continue
        row: dict[str, Any] = {
            "key": text,
            "xdr": base64.b64encode(entry_codec.encode_entry_data(entry)).decode(),
            "lastModifiedLedgerSeq": entry.last_modified,
        }
        if isinstance(entry, ContractDataEntry):
            row["liveUntilLedgerSeq"] = entry.live_until
        entries.append(row)
    return {"entries": entries, "latestLedger": node.last_closed.sequence}


def _parse_key(text: str) -> xdr.LedgerKey:
    try:
        return xdr.LedgerKey.from_xdr(text)
    except (AttributeError, ValueError, EOFError, binascii.Error) as error:
        message = f"cannot unmarshal key value {text}: {error}"
        raise RpcError(INVALID_PARAMS, message) from error
