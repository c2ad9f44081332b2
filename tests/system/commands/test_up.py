"""`apexchainx up`, whole and real: one line when it serves, everything back after a kill, nothing left behind."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from devstack.processes import ports
from devstack.processes.data_dir import DataDirectory

PARTS = {"postgres", "temporal", "stellar", "worker", "settlement-worker", "api"}
PATIENCE_SECONDS = 120


class Running:
    """One `apexchainx up` and where it can be reached."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = ports.free()
        self.process = start(directory, self.port)
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()

    @property
    def pids(self) -> dict[str, int]:
        record = DataDirectory(self.directory).record()
        assert record
        return record.pids

    def is_ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}/api/v1/health/readiness"
            return httpx.get(url, timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def start(directory: Path, port: int, *options: str) -> subprocess.Popen[str]:
    options = ("--ledger-seconds", "0.2", "--temporal-ui-port", str(ports.free()), *options)
    command = [sys.executable, "-m", "cli.main", "up", *options]
    outside = ("DATABASE_URL", "TEMPORAL_ADDRESS", "STELLAR_", "BOOTSTRAP_API_KEY")
    return subprocess.Popen(
        [*command, "--data-dir", str(directory), "--port", str(port)],
        env={name: value for name, value in os.environ.items() if not name.startswith(outside)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def eventually(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < limit, f"it did not come true within {PATIENCE_SECONDS} s"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[int]:
    return [pid, *(each.pid for each in psutil.Process(pid).children(recursive=True))]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    each = Running(tmp_path_factory.mktemp("up") / "var")
    yield each
    each.end()


def test_one_line_says_where_it_serves(running: Running) -> None:
    assert running.first_line == f"ready http://127.0.0.1:{running.port}\n"
    assert running.is_ready()


def test_the_record_is_private_and_leads_to_everything(running: Running) -> None:
    found = DataDirectory(running.directory).running()
    assert found
    assert found.url == f"http://127.0.0.1:{running.port}"
    assert set(found.pids) == PARTS
    assert all(alive(pid) for pid in found.pids.values())
    assert set(found.versions) == {"apexchainx", "postgres", "temporal"}
    assert set(found.urls) == {"api", "temporal-ui", "stellar"}
    assert not any(name.endswith(("_SEED", "_SEEDS")) for name in found.environment)
    mode = stat.S_IMODE((running.directory / "stack.json").stat().st_mode)
    assert mode == 0o600


def test_only_the_settlement_worker_holds_seeds(running: Running) -> None:
    holders = {
        name
        for name, pid in running.pids.items()
        if any(variable.endswith(("_SEED", "_SEEDS")) for variable in psutil.Process(pid).environ())
    }
    assert holders == {"settlement-worker"}


def test_only_the_api_holds_the_first_key(running: Running) -> None:
    holders = {
        name
        for name, pid in running.pids.items()
        if "BOOTSTRAP_API_KEY" in psutil.Process(pid).environ()
    }
    assert holders == {"api"}


def test_no_secret_is_logged(running: Running) -> None:
    keys = json.loads((running.directory / "stellar-keys.json").read_text())
    secrets = [
        *keys["seeds"].values(),
        (running.directory / "api-key").read_text(),
        (running.directory / "postgres-password").read_text(),
    ]
    for log in (running.directory / "logs").iterdir():
        text = log.read_text()
        assert not any(secret in text for secret in secrets), log.name


def test_a_second_one_is_refused_with_a_sentence(running: Running) -> None:
    second = start(running.directory, ports.free())
    out, error = second.communicate(timeout=PATIENCE_SECONDS)
    assert second.returncode == 1
    assert out == ""
    assert error == (
        f"apexchainx: another ApexChainx runs in {running.directory} at "
        f"http://127.0.0.1:{running.port}: stop it, or name another --data-dir\n"
    )


def test_a_taken_port_is_refused_with_a_sentence(running: Running, tmp_path: Path) -> None:
    second = start(tmp_path / "var", running.port)
    _, error = second.communicate(timeout=PATIENCE_SECONDS)
    assert second.returncode == 1
    assert error == (
        f"apexchainx: port {running.port} is taken; free it or choose another with --port\n"
    )


def test_a_taken_port_of_the_web_ui_is_refused_with_a_sentence(
    running: Running, tmp_path: Path
) -> None:
    record = DataDirectory(running.directory).record()
    assert record
    taken = str(record.ports["temporal-ui"])
    second = start(tmp_path / "var", ports.free(), "--temporal-ui-port", taken)
    _, error = second.communicate(timeout=PATIENCE_SECONDS)
    assert second.returncode == 1
    assert error == (
        f"apexchainx: port {taken} is taken; free it or choose another with --temporal-ui-port\n"
    )


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_killed_part_comes_back(running: Running, name: str) -> None:
    before = running.pids[name]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: running.pids.get(name, before) != before)
    eventually(running.is_ready)


def test_ctrl_c_stops_everything_and_a_warm_start_finds_the_same_keys(running: Running) -> None:
    family_before = family(running.process.pid)
    key = (running.directory / "api-key").read_text()
    running.process.send_signal(signal.SIGINT)
    out, error = running.process.communicate(timeout=PATIENCE_SECONDS)
    assert (running.process.returncode, out) == (0, ""), error
    assert "who waits for a person: http://127.0.0.1:" in error
    assert not any(alive(pid) for pid in family_before)
    assert DataDirectory(running.directory).running() is None

    again = Running(running.directory)
    try:
        assert again.is_ready()
        assert (running.directory / "api-key").read_text() == key
        # Killed outright, it can stop nothing; everything goes all the same.
        orphans = family(again.process.pid)
        again.process.kill()
        eventually(lambda: not any(alive(pid) for pid in orphans))
    finally:
        again.end()


def test_a_stop_while_starting_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path / "var", ports.free())
    eventually((tmp_path / "var" / "logs" / "temporal.log").exists)
    family_before = family(process.pid)
    process.terminate()
    out, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (0, ""), error
    # What is killed takes a moment to be gone, on a busy machine.
    eventually(lambda: not any(alive(pid) for pid in family_before))
