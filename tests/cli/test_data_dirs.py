"""A --data-dir that was typed wins over the environment, for every command, and its engine is named."""

import asyncio
import json
import os
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import make_url

from devstack.environment.stack import Stack
from tests.testkit.api_client import make_unique_id
from tests.testkit.processes.commands import run_command

ELSEWHERE = {
    "DATABASE_URL": "postgresql://u:p@127.0.0.1:1/elsewhere",
    "TEMPORAL_ADDRESS": "127.0.0.1:1",
    "STELLAR_RPC_URL": "http://127.0.0.1:1",
}
COMMANDS = [
    ("journal", "check"),
    ("payments", "explain", "pay_0"),
    ("channels", "list"),
    ("keys", "ada"),
    ("polling", "--queues", "outages"),
]


async def run(directory: Path, *arguments: str) -> tuple[int, str, str]:
    command = partial(run_command, environment=os.environ | ELSEWHERE)
    ended = await asyncio.to_thread(command, "cli.main", *arguments, "--data-dir", str(directory))
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
async def test_a_directory_without_an_engine_is_refused_whatever_the_environment_says(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, out, err = await run(tmp_path, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith(f"apexchainx: no engine runs in {tmp_path}: set ")


async def test_the_journal_of_the_directory_is_checked_and_its_database_named(stack: Stack) -> None:
    url = make_url(stack.environment["DATABASE_URL"])
    location = f"{url.database} at {url.host}:{url.port}"
    code, out, err = await run(stack.directory.path, "journal", "check")
    assert (code, out.splitlines()[0]) == (0, f"database {location}"), err
    code, out, _ = await run(stack.directory.path, "journal", "check", "--json")
    assert json.loads(out)["database"] == location
    assert not url.password or url.password not in out


async def test_a_key_is_kept_in_the_database_of_the_directory(stack: Stack) -> None:
    url = make_url(stack.environment["DATABASE_URL"])
    code, out, err = await run(stack.directory.path, "keys", make_unique_id("ada").lower())
    assert (code, len(out.split())) == (0, 1), err
    assert f"database {url.database} at {url.host}:{url.port}" in err


async def test_channels_are_listed_by_the_seed_of_the_directory_which_nobody_sees(
    stack: Stack,
) -> None:
    keys = json.loads((stack.directory.path / "stellar-keys.json").read_text())
    code, out, err = await run(stack.directory.path, "channels", "list")
    assert code == 0, err
    listed = {line.split()[0] for line in out.splitlines()[1:]}
    channels = set(keys["addresses"]["channels"])
    assert channels <= listed
    # Other tests leave channels of other networks behind.
    foreign = [line for line in out.splitlines() if line.endswith("key not held")]
    assert not channels & {line.split()[0] for line in foreign}
    assert not any(seed in out + err for seed in keys["seeds"].values())


async def test_the_workers_of_the_directory_are_polling(stack: Stack) -> None:
    code, _, err = await run(stack.directory.path, "polling", "--queues", "outages,settlement")
    assert code == 0, err
