"""A child and whatever it started: the group that is signalled, and whether anything of it still runs."""

import os
import signal
from contextlib import suppress

import psutil


def signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended a moment ago; `wait` will say so
        os.killpg(group, number)


def has_members(group: int) -> bool:
    """Whether a process of this group still runs; one that only waits for its parent to read its end does not."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS answers the second for a group of zombies
        return False
    return any(_belongs(each, group) for each in psutil.process_iter())


def _belongs(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False
