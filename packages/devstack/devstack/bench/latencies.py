"""How long things took: half were quicker than p50, 95 in 100 than p95, 99 than p99."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latencies:
    """In milliseconds; all zero when nothing was measured."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latencies":
        ordered = sorted(seconds)
        return cls(
            len(ordered),
            _rank(ordered, 50),
            _rank(ordered, 95),
            _rank(ordered, 99),
            _rank(ordered, 100),
        )

    def __str__(self) -> str:
        return f"p50 {self.p50_ms:,.0f} ms, p95 {self.p95_ms:,.0f} ms, max {self.max_ms:,.0f} ms"


def _rank(ordered: Sequence[float], percent: int) -> float:
    """The nearest rank: a value that was really measured, never one in between."""
    if not ordered:
        return 0.0
    position = -(-len(ordered) * percent // 100)
    return round(ordered[position - 1] * 1000, 1)
