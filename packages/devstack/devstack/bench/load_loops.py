"""Two ways to put load on something: a fixed number in flight, or a fixed number a second."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from devstack.bench import process_stats
from devstack.bench.latencies import Latencies

CallSeconds = Mapping[str, float]
WorkflowRun = Callable[[], Awaitable[CallSeconds]]
Pids = Callable[[], Mapping[str, int]]


@dataclass(frozen=True)
class LoadProfile:
    """How a closed loop is driven and for how long; with `all_events` each event of an outage is sent to its webhook."""

    in_flight: int
    warm_up_seconds: float
    seconds: float
    all_events: bool = False


@dataclass(frozen=True)
class Measured:
    """What happened between warm-up and the end; steps are named by whoever lived them."""

    per_second: float
    runs: int
    steps: dict[str, Latencies]
    cpu_ms_per_life: dict[str, float]
    memory_mb: dict[str, int]
    others_cores: float

    @property
    def cpu_ms(self) -> float:
        """Of all processes together."""
        return round(sum(self.cpu_ms_per_life.values()), 1)


@dataclass
class ClosedLoop:
    """So many workflows at a time; when one ends the next begins."""

    live: WorkflowRun
    pace: LoadProfile
    pids: Pids
    ended: list[tuple[float, CallSeconds]] = field(default_factory=list)
    stopping: bool = False

    async def measure(self) -> Measured:
        """Return when the last life has ended, though only those of the measured time count."""
        # Not all at once, or they would stay in step for the whole run.
        pause = self.pace.warm_up_seconds / 2 / self.pace.in_flight
        async with asyncio.TaskGroup() as group:
            for position in range(self.pace.in_flight):
                group.create_task(self._drive(position * pause))
            await asyncio.sleep(self.pace.warm_up_seconds)
            began, before = time.monotonic(), process_stats.read(self.pids())
            await asyncio.sleep(self.pace.seconds)
            over, after = time.monotonic(), process_stats.read(self.pids())
            self.stopping = True
        counted = [steps for at, steps in self.ended if began <= at < over]
        return Measured(
            round(len(counted) / (over - began), 2),
            len(counted),
            _by_step(counted),
            after.cpu_ms_since(before, len(counted)),
            after.memory_mb,
            after.others_cores_since(before, over - began),
        )

    async def _drive(self, pause: float) -> None:
        await asyncio.sleep(pause)
        while not self.stopping:
            steps = await self.live()
            self.ended.append((time.monotonic(), steps))


async def open_loop(
    call: Callable[[int], Awaitable[None]], rate: float, seconds: float
) -> list[float]:
    """
    Call at a fixed rate, however slow the answers; return what each took from when it was due.

    Counted from then, not from when it was sent, so that a stall is not hidden by the calls that
    could not be made meanwhile.
    """
    began = time.monotonic()

    async def one(position: int) -> float:
        due = began + position / rate
        await asyncio.sleep(max(due - time.monotonic(), 0))
        await call(position)
        return time.monotonic() - due

    return await asyncio.gather(*(one(position) for position in range(round(rate * seconds))))


def _by_step(runs: Sequence[CallSeconds]) -> dict[str, Latencies]:
    names = runs[0] if runs else ()
    return {name: Latencies.of([steps[name] for steps in runs]) for name in names}


def take_median(rounds: Sequence[Measured]) -> Measured:
    """The round of median throughput, whole: its latencies and costs belong to it."""
    median = statistics.median_low([each.per_second for each in rounds])
    return next(each for each in rounds if each.per_second == median)
