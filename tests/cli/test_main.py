"""The command answers at once and says in words what went wrong."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from cli import main


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def apexchainx(*arguments: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "cli.main", *arguments)


def test_help_names_every_command_and_loads_none() -> None:
    code = (
        "import sys; from cli.main import build\n"
        "try: build(['--help'])(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'temporalio', 'fastapi', 'stellar_sdk', 'psycopg', 'httpx'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    answer = python("-c", code)
    assert answer.returncode == 0, answer.stderr
    assert all(name in answer.stdout for name in main.COMMANDS)


def test_every_command_has_its_module() -> None:
    assert [name for name in main.COMMANDS if find_spec(f"cli.{name}") is None] == []


def test_a_misspelt_command_is_put_right() -> None:
    answer = apexchainx("upp")
    assert answer.returncode == 2
    assert "Did you mean 'up'?" in answer.stderr


def test_a_failure_is_one_sentence_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    answer = apexchainx("migrate")
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr == (
        "DATABASE_URL is not set; it must be postgresql://user:password@host/name\n"
    )


def test_an_unexpected_failure_keeps_its_traceback() -> None:
    code = "import sys; from cli import main\nmain.build = lambda _: 1 / 0\nmain.main()"
    answer = python("-c", code)
    assert answer.returncode == 1
    assert "ZeroDivisionError" in answer.stderr


def test_a_worker_that_nobody_hears_of_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    answer = apexchainx("polling", "--queues", "outages")
    assert answer.returncode == 1
    assert answer.stderr.startswith("temporal does not answer at 127.0.0.1:1: ")
