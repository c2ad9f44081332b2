"""A peak is seen although it is over, and forgotten when that is asked."""

import asyncio
import sys
from pathlib import Path

import pytest

from devstack.bench.edge.peak_memory import PeakMemory

# Takes 80 MB and gives them back, each time it is told to.
GREEDY = """
import sys
print("ready", flush=True)
for _ in sys.stdin:
    large = bytearray(b"x" * 80_000_000)
    del large
    print("done", flush=True)
    input()
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the kernel keeps no peak")
async def test_a_peak_is_seen_after_it() -> None:
    greedy = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", GREEDY),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert greedy.stdin is not None
    assert greedy.stdout is not None
    try:
        assert await greedy.stdout.readline() == b"ready\n"
        memory = PeakMemory(greedy.pid)
        modest = memory.read_mb()
        greedy.stdin.write(b"go\n")
        await greedy.stdin.drain()
        assert await greedy.stdout.readline() == b"done\n"
        assert memory.read_mb() > modest + 70
        memory.forget()
        assert memory.read_mb() < modest + 20
    finally:
        greedy.kill()
        await greedy.wait()
