"""
Run pg_dump and pg_restore.

Where the server is, and its password, they are given by their environment: an argument is seen by whoever
lists the processes of the machine.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from psycopg.pq import Conninfo
from sqlalchemy.engine import URL

from adapters.backups.tools import PostgresTools
from domain.errors import ToolFailed

LOCK_WAIT_MS = 60_000
# What the programs may know of our environment: where they are, whose files they read, how they connect.
KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")


async def write_dump(tools: PostgresTools, url: URL, snapshot: str, path: Path) -> None:
    """Dump the database at `url`, as `snapshot` sees it, into a file that exists."""
    await _run(
        [
            *(str(tools.dump), "--format=custom", f"--file={path}", f"--snapshot={snapshot}"),
            # Whoever restores it is the owner; roles of the old server may not exist on the new one.
            *("--no-owner", "--no-privileges", "--no-password"),
            f"--lock-wait-timeout={LOCK_WAIT_MS}",
        ],
        make_environment(url),
    )


async def load_dump(tools: PostgresTools, url: URL, path: Path, jobs: int) -> None:
    """Restore a dump into the empty database at `url`, by so many connections; stop at the first error."""
    await _run(
        [
            *(str(tools.restore), f"--dbname={url.database}", f"--jobs={jobs}", "--exit-on-error"),
            *("--no-owner", "--no-privileges", "--no-password", str(path)),
        ],
        make_environment(url),
    )


async def list_dump(tools: PostgresTools, path: Path) -> list[str]:
    """Return the table of contents of a dump, a line for each object."""
    listed = await _run([str(tools.restore), "--list", str(path)], make_environment(None))
    return [line for line in listed.splitlines() if line and not line.startswith(";")]


def make_environment(url: URL | None) -> dict[str, str]:
    """Return the environment that leads libpq to `url`, with nothing else of ours that is secret."""
    known = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or name.startswith(("PG", "LC_", "LANG"))
    }
    known["LC_ALL"] = "C"
    return known if url is None else known | _name_connection(url)


def _name_connection(url: URL) -> dict[str, str]:
    """Each parameter of a URL as the variable that libpq reads it from."""
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return {
        option.envvar.decode(): option.val.decode()
        for option in Conninfo.parse(plain.encode())
        if option.envvar and option.val
    }


async def _run(command: list[str], environment: Mapping[str, str]) -> str:
    """Run a program to its end and return what it printed; it does not outlive this call."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
    )
    try:
        out, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = " ".join(complaints.decode(errors="replace").split())[:600] or "nothing"
        name = Path(command[0]).name
        raise ToolFailed(f"{name} ended with {process.returncode} and said: {said}")
    return out.decode(errors="replace")
