"""What each process of a run does once, or seldom, that would otherwise take a good part of its time."""

import gc
from functools import cache

import httpx
from httpx._transports import default as transports

# Garbage is looked for among thousands of tests: as seldom as in the processes of the product, worker/__main__.py.
gc.set_threshold(50_000, 20, 50)
# Each client reads all certificates that this machine trusts, which takes 20 ms, to speak plain HTTP with itself.
transports.create_ssl_context = cache(httpx.create_ssl_context)


def pytest_collection_finish() -> None:
    """What is there before the first test stays until the last has ended."""
    gc.freeze()
