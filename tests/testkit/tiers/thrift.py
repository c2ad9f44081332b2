"""
What each process that runs tests does once, or seldom, that would otherwise take a good part of its time, and how
long it waits for an answer.
"""

import gc
import os
from functools import cache, lru_cache

import httpx
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from httpx._transports import default as transports
from stellar_sdk import strkey

# Garbage is looked for among thousands of tests: as seldom as in the processes of the product, worker/__main__.py.
gc.set_threshold(50_000, 20, 50)
# Each client reads all certificates that this machine trusts, which takes 20 ms, to speak plain HTTP with itself.
transports.create_ssl_context = cache(httpx.create_ssl_context)
# The SDK reads and writes addresses by base 32 in Python, and what it read once more to compare; the network in the box
# asks for the same few all the time.
strkey._decode_check = lru_cache(10_000)(strkey._decode_check)
strkey._encode_check = lru_cache(10_000)(strkey._encode_check)
# What a busy machine answers after more than five seconds is an answer all the same.
for part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, part, 60.0)
# The workflow servers of a run are small and many, and collect their garbage a fifth as often: a tenth of their work.
os.environ.setdefault("GOGC", "400")


def pytest_collection_finish() -> None:
    """What is there before the first test stays until the last has ended."""
    gc.freeze()
