"""The most memory that a process has had since it was asked to forget what it had before."""

import re
from pathlib import Path

import psutil

FORGET_THE_PEAK = "5"
MB = 1_000_000


class PeakMemory:
    """
    Of one process, by the kernel's own count: nothing between two looks is missed. Where the kernel keeps
    none, what it has at each look.
    """

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.status = Path(f"/proc/{pid}/status")
        self.most = 0

    def forget(self) -> None:
        """Begin anew."""
        self.most = 0
        if self.status.exists():
            self.status.with_name("clear_refs").write_text(FORGET_THE_PEAK)

    def read_mb(self) -> int:
        """Return the most it has had since, in MB."""
        self.most = max(self.most, self.process.memory_info().rss)
        if self.status.exists():
            found = re.search(r"VmHWM:\s+(\d+) kB", self.status.read_text())
            self.most = max(self.most, int(found[1]) * 1024 if found else 0)
        return round(self.most / MB)
