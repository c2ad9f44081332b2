"""
How fast this machine is while the tests run, beside the one that the budgets were measured on.

A core that shares its circuits with another one, or a machine that is slower altogether, takes more CPU-seconds for the
same work; what a tier may cost grows by as much.
"""

import statistics
import time

LOOPS = 200_000
SAMPLED_EVERY_SECONDS = 2.0
# What they take, in seconds of CPU with both cores busy, where `make test` takes 750 (twice as long where it took 1,492).
THERE = 0.0066


class MachinePace:
    """Collects what a loop takes, now and then during a run."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._sampled_at = float("-inf")

    def note_test(self) -> None:
        """Measure when a test has ended, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._sampled_at >= SAMPLED_EVERY_SECONDS:
            self._sampled_at = now
            self.sample()

    def sample(self) -> None:
        """Take some hundredths of a second to measure."""
        began, number = time.thread_time(), 0
        for n in range(LOOPS):
            number += n
        self.taken.append(time.thread_time() - began)

    def compute_factor(self) -> float:
        """Return how many times as long this machine takes; 1 where it is faster, or nobody has measured."""
        return max(1.0, statistics.median(self.taken) / THERE) if self.taken else 1.0
