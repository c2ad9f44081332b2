"""A person's key works, with the role it was given, and only its digest is kept."""

import subprocess

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from tests.testkit.api_client import make_unique_id
from tests.testkit.processes.commands import run_command


def key(
    stack: Stack, patch: pytest.MonkeyPatch, *arguments: str
) -> subprocess.CompletedProcess[str]:
    patch.setenv("DATABASE_URL", stack.environment["DATABASE_URL"])
    return run_command("cli.main", "keys", *arguments)


async def test_a_key_is_shown_once_and_works(
    api: httpx.AsyncClient, stack: Stack, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_unique_id("ada").lower()
    made = key(stack, monkeypatch, name, "--role", "finance")
    assert made.returncode == 0, made.stderr
    shown = made.stdout.strip()
    # Finance gets as far as to ask for a payment that is not there; an operator does not.
    path, headers = "/payments/pay_0/approvals", {"X-API-Key": shown}
    assert (await api.post(path, json={}, headers=headers)).status_code == 404
    lesser = key(stack, monkeypatch, make_unique_id("kim").lower())
    headers = {"X-API-Key": lesser.stdout.strip()}
    assert (await api.post(path, json={}, headers=headers)).status_code == 403
    async with database.autocommit() as connection:
        (given,) = await read_trail(connection, f"key/{name}")
        kept = await connection.scalar(
            text("SELECT count(*) FROM api_keys WHERE digest = sha256(CAST(:key AS bytea))"),
            {"key": shown},
        )
    assert (given["actor"], given["evidence"]["role"]) == ("operator", "finance")
    assert shown not in str(given)
    assert kept == 1


@pytest.mark.parametrize("name", ["Ada", "ada b", "ä", "-ada", "x" * 101])
def test_a_name_has_one_spelling(stack: Stack, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    refused = key(stack, monkeypatch, "--", name)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "is not 1 to 100 of a-z" in refused.stderr
