"""Faults of the network, one plan after another, drawn from a seed."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

SEND, READ = "sendTransaction", "getTransactions"


def draw_fault_plans(luck: random.Random, payees: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """Plans of faults for ever, every third one calm; the same seed makes the same plans."""
    wire = ["reset_before", "reset_after", "too_many_requests", "bad_gateway", "garbage"]
    wire += ["accept_then_timeout", "internal_error"]
    kinds: list[dict[str, Any]] = [
        *({"kind": kind, "method": SEND, "rate": 0.4} for kind in wire),
        *({"kind": kind, "method": READ, "rate": 0.3} for kind in ("bad_gateway", "garbage")),
        *({"kind": "node_down", "node": node} for node in range(3)),
        *({"kind": "lagging_node", "node": node, "value": 8} for node in range(3)),
        *({"kind": "removed_trustline", "address": payee} for payee in payees),
        *({"kind": "frozen_trustline", "address": payee} for payee in payees),
        {"kind": "racy_not_found", "rate": 0.5},
        {"kind": "banned_hash", "rate": 0.3},
        {"kind": "dropped_transaction", "rate": 0.3},
        {"kind": "surge_fee", "value": 30_000},
        {"kind": "network_halt"},
    ]
    while True:
        for _ in range(2):
            chosen = {fault["kind"]: fault for fault in luck.sample(kinds, luck.randint(1, 3))}
            yield list(chosen.values())
        yield []
