"""
How often a test plays what depends on a race: once in the tiers, `REPEAT=20` in a soak, on what was started once.

    REPEAT=20 .venv/bin/python -m pytest -s tests/system/settlement/test_restored_databases.py
"""

import os
import time
from collections.abc import Iterator

REPEAT = int(os.environ.get("REPEAT", "1"))


def count_rounds(what: str) -> Iterator[int]:
    """Yield the number of each round, and print it once it is over: what was played counts, whatever the next one does."""
    for number in range(REPEAT):
        began = time.monotonic()
        yield number
        print(f"\n{what}: round {number + 1} of {REPEAT}, {time.monotonic() - began:.0f} s")
