"""What a node tells about itself and about what the ledger holds now."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stellar_sandbox.ledger import fees
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc.rpc_errors import INTERNAL, Problem

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
