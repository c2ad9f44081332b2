"""
The heap of the C library, told to give back what is large.

By itself glibc raises the size above which it asks the system for memory, up to 32 MB, once something large was freed.
What comes and goes then leaves holes between what stays, and a process is as large ever after as in its worst moment.
"""

import ctypes
from contextlib import suppress

# mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
LARGE_BYTES = 64 * 1024
KEPT_BYTES = 128 * 1024
ARENAS = 2


def keep_small() -> None:
    """Set it for this process; where the C library is another one, nothing happens."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in (
            (_MMAP_THRESHOLD, LARGE_BYTES),
            (_TRIM_THRESHOLD, KEPT_BYTES),
            (_ARENA_MAX, ARENAS),
        ):
            mallopt(option, value)
