"""What processes cost: CPU seconds and memory, each with all its children."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

CLIENT = "client"
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class ProcessStats:
    """Of one moment, by the name of the process."""

    cpu_seconds: dict[str, float]
    memory_mb: dict[str, int]
    machine_cpu_seconds: float

    def cpu_ms_since(self, before: "ProcessStats", completed: int) -> dict[str, float]:
        """CPU milliseconds for each life; a process that was started again in between starts from 0."""
        return {
            name: round(max(seconds - before.cpu_seconds.get(name, 0.0), 0.0) * 1000 / completed, 1)
            for name, seconds in self.cpu_seconds.items()
            if completed
        }

    def others_cores_since(self, before: "ProcessStats", seconds: float) -> float:
        """Cores that the rest of the machine kept busy; above a quarter, times mean little."""
        ours = sum(self.cpu_seconds.values()) - sum(before.cpu_seconds.values())
        busy = self.machine_cpu_seconds - before.machine_cpu_seconds - ours
        return round(max(busy, 0.0) / seconds, 2)


def read(pids: Mapping[str, int]) -> ProcessStats:
    """Read the processes named, and this one as the client."""
    families = {name: list(_family(pid)) for name, pid in pids.items()}
    own = psutil.Process(os.getpid())
    cpu = {name: sum(map(_cpu_seconds, family)) for name, family in families.items()}
    memory = {name: _memory_mb(family) for name, family in families.items()}
    times = own.cpu_times()
    return ProcessStats(
        cpu | {CLIENT: times.user + times.system},
        memory | {CLIENT: _memory_mb([own])},
        _machine_cpu_seconds(),
    )


def _machine_cpu_seconds() -> float:
    times = psutil.cpu_times()
    waited = times.idle + getattr(times, "iowait", 0.0)
    # A guest's time is counted as the user's already.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - waited - guests)


def _family(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        head = psutil.Process(pid)
        yield head
        yield from head.children(recursive=True)


def _cpu_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        # Children that have ended live on in their parent's account.
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _memory_mb(family: list[psutil.Process]) -> int:
    """Resident memory; pages that children share with their parent count once."""
    resident = 0
    for position, process in enumerate(family):
        with suppress(psutil.NoSuchProcess):
            memory = process.memory_info()
            resident += memory.rss - (getattr(memory, "shared", 0) if position else 0)
    return round(resident / MB)
