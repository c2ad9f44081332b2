"""What a node tells about itself and about what the ledger holds now."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from typing import Any

from stellar_sdk import xdr

from sandbox.stellar import fees, freezes, wire
from sandbox.stellar.closes import metadata
from sandbox.stellar.entries import ContractData
from sandbox.stellar.keys import key_of
from sandbox.stellar.network import Node
from sandbox.stellar.problems import INTERNAL, INVALID_PARAMS, Problem

MAX_KEYS = 200
MAX_LATENCY_SECONDS = 30
PERCENTILES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
VERSION = "27.1.0-sandbox"


def get_health(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    late = node.network.clock() - node.head.close_time
    if node.network.settings.close_seconds and late > MAX_LATENCY_SECONDS:
        message = (
            f"latency ({int(late)}s) since last known ledger closed is too high "
            f"(>{MAX_LATENCY_SECONDS}s)"
        )
        raise Problem(INTERNAL, message)
    ledger = node.network.ledger
    return {
        "status": "healthy",
        "latestLedger": node.head.sequence,
        "oldestLedger": node.oldest.sequence,
        "ledgerRetentionWindow": ledger.retention,
    }


def get_network(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "passphrase": node.network.passphrase,
        "protocolVersion": node.protocol,
    }


def get_version_info(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "commitHash": "0" * 40,
        "buildTimestamp": "2026-01-01T00:00:00",
        "captiveCoreVersion": f"sandbox {VERSION}",
        "protocolVersion": node.protocol,
    }


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


def get_fee_stats(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    window = node.network.fee_window
    floor = node.network.ledger.lanes.floor
    return {
        "sorobanInclusionFee": _spread([sample.soroban for sample in window], floor),
        "inclusionFee": _spread([sample.classic for sample in window], floor),
        "latestLedger": node.head.sequence,
    }


def _spread(ledgers: list[list[int]], floor: int) -> dict[str, str | int]:
    paid = sorted(fee for ledger in ledgers for fee in ledger)
    seen = paid or [max(floor, fees.BASE_FEE)]
    if floor > fees.BASE_FEE:
        seen = sorted(max(fee, floor) for fee in seen)
    spread: dict[str, str | int] = {
        "max": str(seen[-1]),
        "min": str(seen[0]),
        "mode": str(Counter(seen).most_common(1)[0][0]),
    }
    for percent in PERCENTILES:
        spread[f"p{percent}"] = str(seen[min(len(seen) - 1, len(seen) * percent // 100)])
    spread["transactionCount"] = str(len(paid))
    spread["ledgerCount"] = len(ledgers)
    return spread


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
        if freezes.is_asked_for(asked_for):
            told = freezes.setting(network.ledger.frozen, network.settings.genesis.asset)
            entries.append({"key": text, "xdr": told, "lastModifiedLedgerSeq": 1})
            continue
        key = key_of(asked_for)
        entry = state.get(key) if key is not None else None
        if entry is None:
            continue
        row: dict[str, Any] = {
            "key": text,
            "xdr": base64.b64encode(wire.entry_data(entry)).decode(),
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
