"""The tutorial, as a newcomer types it: every command of the page, from the first start to the clean-up."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.processes import ports

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "tutorial" / "README.md"
INSTALL, START = "make demo ARGS=--exit", ".venv/bin/apexchainx up"
OUTSIDE = ("DATABASE_URL", "TEMPORAL_", "STELLAR_", "BOOTSTRAP_API_KEY", "APEXCHAINX_", "SLA_")

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial asks with curl")


def read_commands() -> list[str]:
    """The page's blocks of commands, with free ports in the place of those that it names."""
    text = PAGE.read_text()
    for port in ("8000", "8099"):
        assert port in text
        text = text.replace(port, str(ports.free()))
    return re.findall(r"```sh\n(.+?)```", text, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which the repository seems to be, so that `var/` is the test's own."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OUTSIDE)}


@pytest.fixture
def commands(folder: Path, environment: dict[str, str]) -> Iterator[list[str]]:
    """What is typed in the second terminal, while the first runs the engine."""
    install, start, *rest = read_commands()
    assert install.strip() == INSTALL  # test_demo.py plays that demo
    assert start.startswith(START)
    engine = subprocess.Popen(
        [*start.split(), "--temporal-ui-port", str(ports.free())],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert engine.stdout is not None
    try:
        assert engine.stdout.readline().startswith("ready http://127.0.0.1:")
        yield rest
    finally:
        engine.send_signal(signal.SIGINT)
        engine.communicate(timeout=60)


def test_every_command_of_the_tutorial_works(
    commands: list[str], folder: Path, environment: dict[str, str]
) -> None:
    script = "\n".join(["set -eu", *commands])
    ended = subprocess.run(
        ["sh", "-c", script],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "status SUCCESS in ledger" in ended.stdout
    assert "transfer 5000000000 stroops from G" in ended.stdout
    assert re.search(r"^clean, ", ended.stdout, re.MULTILINE), ended.stdout
    received = re.findall(r"^verified ([a-z_.]+) ", ended.stdout, re.MULTILINE)
    assert set(received) == {
        *("outage.created", "sla.breached", "dispute.opened", "dispute.resolved"),
        *("payment.processed", "outage.closed"),
    }
