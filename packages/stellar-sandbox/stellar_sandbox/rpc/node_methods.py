"""getHealth, getNetwork, getVersionInfo and getFeeStats."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stellar_sandbox.ledger import fees
from stellar_sandbox.network.network import Node
from stellar_sandbox.rpc.rpc_errors import INTERNAL, RpcError

MAX_LATENCY_SECONDS = 30
PERCENTILES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
VERSION = "27.1.0-sandbox"


def get_health(node: Node, params: dict[str, Any]) -> dict[str, Any]:
    late = node.network.clock() - node.last_closed.close_time
    if node.network.settings.close_seconds and late > MAX_LATENCY_SECONDS:
        message = (
            f"latency ({int(late)}s) since last known ledger closed is too high "
            f"(>{MAX_LATENCY_SECONDS}s)"
        )
        raise RpcError(INTERNAL, message)
    ledger = node.network.ledger
    return {
        "status": "healthy",
        "latestLedger": node.last_closed.sequence,
        "oldestLedger": node.oldest_header.sequence,
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
    min_fee_rate = node.network.ledger.surge_pricing.min_fee_rate
    return {
        "sorobanInclusionFee": _summarize(
            [ledger_fees.soroban for ledger_fees in window], min_fee_rate
        ),
        "inclusionFee": _summarize([ledger_fees.classic for ledger_fees in window], min_fee_rate),
        "latestLedger": node.last_closed.sequence,
    }


def _summarize(ledgers: list[list[int]], min_fee_rate: int) -> dict[str, str | int]:
    paid = sorted(fee for ledger in ledgers for fee in ledger)
    rates = paid or [max(min_fee_rate, fees.BASE_FEE)]
    if min_fee_rate > fees.BASE_FEE:
        rates = sorted(max(fee, min_fee_rate) for fee in rates)
    summary: dict[str, str | int] = {
        "max": str(rates[-1]),
        "min": str(rates[0]),
        "mode": str(Counter(rates).most_common(1)[0][0]),
    }
    for percent in PERCENTILES:
        summary[f"p{percent}"] = str(rates[min(len(rates) - 1, len(rates) * percent // 100)])
    summary["transactionCount"] = str(len(paid))
    summary["ledgerCount"] = len(ledgers)
    return summary
