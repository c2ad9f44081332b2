"""A PostgreSQL that was killed, or whose parent was, and is still on its way out."""

import asyncio
import time
from pathlib import Path

import psutil

from devstack.processes.programs import CannotStart

OLD_SERVER_SECONDS = 15


async def wait_for_old_server(cluster: Path) -> None:
    """Wait until no server works in a cluster any more; raise CannotStart when one goes on."""
    pid_file = cluster / "postmaster.pid"
    limit = time.monotonic() + OLD_SERVER_SECONDS
    while pid_file.exists() and _has_server(cluster):
        if time.monotonic() > limit:
            raise CannotStart(
                f"another PostgreSQL is running in {cluster}: stop it first, "
                f"its process id is the first line of {pid_file}"
            )
        await asyncio.sleep(0.05)
    # Whoever has this process id today, it is not PostgreSQL: ids are used again, above all in containers.
    pid_file.unlink(missing_ok=True)


def _has_server(cluster: Path) -> bool:
    """Whether the postmaster or one of its children runs; they notice its death only at their next wait."""
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and Path(process.cwd()) == cluster:
                return True
        except psutil.Error:
            continue
    return False
