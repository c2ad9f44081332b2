"""
Garbage is looked for less often: a process that holds thousands of tests would look through them all, again and again.

The processes of the product do the same: worker/__main__.py.
"""

import gc

gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    """What is there before the first test stays until the last has ended."""
    gc.freeze()
