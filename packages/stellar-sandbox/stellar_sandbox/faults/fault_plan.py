"""The fault plan: which faults occur, how often, and how often they did.

A plan can be replaced while the sandbox runs. Chance is drawn from the seed and the number of
draws so far, never from a clock, so the same requests meet the same faults again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any

# Faults of a request and its answer.
REQUEST_KINDS = frozenset(
    {
        "accept_then_timeout",
        "reset_before",
        "reset_after",
        "too_many_requests",
        "bad_gateway",
        "internal_error",
        "garbage",
        "slow",
        "racy_not_found",
        "node_down",
    }
)
# Faults of a node's transaction queue.
QUEUE_KINDS = frozenset({"banned_hash", "dropped_transaction"})
# Faults of a node that lies: it answers as it should, and something else than it knows.
LYING_KINDS = frozenset({"lying_failed", "lying_success", "high_sequence"})
# Faults of the network's state, which last as long as the plan.
STATE_KINDS = frozenset(
    {
        "lagging_node",
        "lagging_history",
        "surge_fee",
        "frozen_key",
        "frozen_trustline",
        "removed_trustline",
        "short_retention",
        "network_halt",
        "protocol_upgrade",
        "ledger_clock_offset",
    }
)
KINDS = REQUEST_KINDS | QUEUE_KINDS | LYING_KINDS | STATE_KINDS
LAGGING_KINDS = {"lagging_node", "lagging_history"}
NEED_VALUE = {
    *LAGGING_KINDS,
    *("surge_fee", "protocol_upgrade", "high_sequence", "ledger_clock_offset"),
}
NEED_ADDRESS = {"frozen_key", "frozen_trustline", "removed_trustline"}
# Counted once for each refused transaction; other state faults once for each plan.
COUNTED_PER_TRANSACTION = {"frozen_key"}
MAX_LAG = 30


class InvalidFaultPlan(ValueError):
    """The fault plan is invalid."""


@dataclass(slots=True)
class Fault:
    """One fault; without a `method` or a `node` it applies to all of them."""

    kind: str
    method: str | None = None
    node: int | None = None
    rate: float = 1.0
    times: int | None = None  # how often at most; None: until the plan is replaced
    seconds: float = 1.0
    value: int | None = None  # ledgers, stroops per operation, sequences, seconds or a version
    address: str | None = None

    @classmethod
    def read(cls, row: object) -> Fault:
        if not isinstance(row, dict) or row.get("kind") not in KINDS:
            raise InvalidFaultPlan(f"A fault is an object with a kind out of {sorted(KINDS)}.")
        unknown = set(row) - {field.name for field in fields(cls)}
        if unknown:
            raise InvalidFaultPlan(f"A fault has no {sorted(unknown)}.")
        fault = cls(**row)
        if not isinstance(fault.rate, int | float) or not isinstance(fault.seconds, int | float):
            raise InvalidFaultPlan("The rate and the seconds of a fault are numbers.")
        if not isinstance(fault.times, int | None) or not isinstance(fault.node, int | None):
            raise InvalidFaultPlan("The times and the node of a fault are whole numbers.")
        if fault.kind in NEED_VALUE and not isinstance(fault.value, int):
            raise InvalidFaultPlan(f"The fault {fault.kind} needs a whole value.")
        if fault.kind in NEED_ADDRESS and not fault.address:
            raise InvalidFaultPlan(f"The fault {fault.kind} needs an address.")
        if fault.kind in LAGGING_KINDS and not 0 <= (fault.value or 0) <= MAX_LAG:
            raise InvalidFaultPlan(f"A node can lag by at most {MAX_LAG} ledgers.")
        return fault

    def matches(self, kind: str, node: int, method: str) -> bool:
        return (
            self.kind == kind
            and self.node in (None, node)
            and self.method in (None, method)
            and self.times != 0
        )


class FaultPlan:
    def __init__(self) -> None:
        self.seed = 0
        self.faults: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self._draws: Counter[int] = Counter()

    def replace(self, faults: list[Fault], seed: int) -> None:
        """Start another plan; the counts are kept."""
        self.faults, self.seed = faults, seed
        self._draws.clear()

    def trigger(self, kind: str, node: int, method: str = "") -> Fault | None:
        """Return and count the fault of this kind that occurs now, if one does."""
        for place, fault in enumerate(self.faults):
            if fault.matches(kind, node, method) and self._draw(place) < fault.rate:
                if fault.times is not None:
                    fault.times -= 1
                self.counts[kind] += 1
                return fault
        return None

    def report(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "faults": [asdict(fault) for fault in self.faults],
            "counts": dict(self.counts),
        }

    def _draw(self, place: int) -> float:
        self._draws[place] += 1
        text = f"{self.seed}/{place}/{self._draws[place]}"
        return int.from_bytes(sha256(text.encode()).digest()[:6], "big") / 2**48


def parse_fault_plan(document: object) -> tuple[list[Fault], int]:
    if not isinstance(document, dict) or not isinstance(document.get("faults"), list):
        raise InvalidFaultPlan("A plan is an object with a list of faults and perhaps a seed.")
    seed = document.get("seed", 0)
    if not isinstance(seed, int):
        raise InvalidFaultPlan("The seed of a plan is a whole number.")
    return [Fault.read(row) for row in document["faults"]], seed
