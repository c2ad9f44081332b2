"""`apexchainx backup` and `restore` as an operator types them: killed, repeated, and with no secret to be seen."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url

from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.agreements import add_agreement
from devstack.bench import seed_payments
from devstack.environment.stack import Stack
from domain.sla.agreements.agreements import Agreement
from tests.testkit.api_client import AT_ONCE, declare_outage, settle_outage, wait_until
from tests.testkit.processes.commands import run_command
from tests.testkit.recovery.databases import (
    create_lost_database,
    drop_database,
    get_name,
    list_databases,
    make_tools,
    read_value,
)

AGREEMENT = Agreement("default", "GBOND", "GPOOL", "GPROVIDER", "GBENEFICIARY")
COUNT_PAYMENTS = "SELECT count(*) FROM payments"
SEED = "planted-seed-of-the-bond"


async def start(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | environment,
    )


async def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return the exit code of a command, and all that it printed."""
    given = os.environ | environment
    run_apart = partial(run_command, "cli.main", *arguments, environment=given, merged=True)
    ended = await asyncio.to_thread(run_apart)
    return ended.returncode, ended.stdout


@pytest.fixture
def url(stack: Stack) -> Iterator[str]:
    """A database in which five payments are owed."""
    with create_lost_database(stack.environment["DATABASE_URL"]) as url:
        asyncio.run(_fill(url))
        yield url


async def _fill(url: str) -> None:
    database = Database(url, connections_max=1)
    async with database.transaction() as connection:
        await add_agreement(connection, AGREEMENT)
    await seed_payments.owe(database, "cli", 5)
    await database.close()


def name_users(stack: Stack, url: str) -> dict[str, str]:
    """A database as the processes connect to it, and as its owner does."""
    record = stack.directory.record()
    assert record is not None
    application = make_url(record.environment["DATABASE_URL"]).set(database=get_name(url))
    shown = application.render_as_string(hide_password=False)
    return {"DATABASE_URL": shown, "DATABASE_OWNER_URL": url}


async def test_an_operator_backs_up_loses_and_restores(
    stack: Stack, url: str, tmp_path: Path
) -> None:
    file, users = str(tmp_path / "one.backup"), name_users(stack, url)
    code, said = await run("backup", file, "--check", **users)
    assert code == 0, said
    assert "0 outages" not in said
    assert "5 payments of 5 USDC" in said
    assert "restored into a database of its own, and compared" in said
    drop_database(stack.environment["DATABASE_URL"], get_name(url))
    code, said = await run("restore", file, **users)
    assert code == 0, said
    assert "does not exist, and is made" in said
    assert said.rstrip().endswith("Nothing was changed. --apply restores it.")
    assert list_databases(stack.environment["DATABASE_URL"], get_name(url)) == []
    code, said = await run("restore", file, "--apply", **users)
    assert code == 0, said
    assert "restored and compared, table by table" in said
    assert read_value(url, COUNT_PAYMENTS) == 5
    code, said = await run("restore", file, "--apply", **users)
    assert (code, said.splitlines()[0][:20]) == (0, "Nothing was done: it")
    # As the processes do, who own nothing of it.
    code, said = await run("journal", "check", DATABASE_URL=users["DATABASE_URL"])
    assert (code, said.splitlines()[-1][:7]) == (0, "clean, ")
    assert await run("verify-migrations", **users) == (
        0,
        "the database is as this build makes it\n",
    )


async def test_a_torn_backup_is_one_sentence(tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    await asyncio.to_thread(torn.write_bytes, b"PGDMP" + bytes(200))
    code, said = await run("restore", "--verify", str(torn))
    assert code == 1
    assert said == (
        f"apexchainx: {torn} is torn, or is no backup of apexchainx: its last bytes are missing; "
        "use another copy\n"
    )


async def test_no_secret_is_an_argument_or_is_printed(url: str, tmp_path: Path) -> None:
    """The programs write down what they were called with, and what they were given."""
    watched = (
        'for each; do echo "$each"; done >> "$0.arguments"; env >> "$0.environment"; exec REAL "$@"'
    )
    tools = make_tools(tmp_path / "tools", pg_dump=watched, pg_restore=watched)
    password = make_url(url).password
    assert password
    given = {"DATABASE_URL": url, "STELLAR_BOND_SEED": SEED}
    where = ("--pg-bin", str(tools))
    file = str(tmp_path / "one.backup")
    code, said = await run("backup", file, "--check", *where, **given)
    assert code == 0, said
    code, more = await run("restore", "--apply", "--replace", file, *where, **given)
    assert code == 0, more
    assert password not in said + more
    for name in ("pg_dump", "pg_restore"):
        arguments = await asyncio.to_thread((tools / f"{name}.arguments").read_text)
        environment = await asyncio.to_thread((tools / f"{name}.environment").read_text)
        assert "--" in arguments
        assert password not in arguments
        assert f"PGPASSWORD={password}\n" in environment
        assert SEED not in environment


async def test_a_restore_that_is_killed_is_begun_again(
    stack: Stack, url: str, tmp_path: Path
) -> None:
    """By SIGKILL while it loads, with what it had started still running, and at other moments."""
    server_url, name, file = stack.environment["DATABASE_URL"], get_name(url), tmp_path / "one"
    assert (await run("backup", str(file), DATABASE_URL=url))[0] == 0
    slow = make_tools(tmp_path / "slow", pg_restore='sleep 1; exec REAL "$@"')
    wanted = ("restore", str(file), "--apply", "--replace", "--pg-bin", str(slow))
    for moment in ("_restoring_", "_restoring_", ""):
        process = await start(*wanted, DATABASE_URL=url)
        await _wait_for_database(server_url, name, moment)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        assert read_value(url, COUNT_PAYMENTS) == 5, "what was there is still there"
        assert read_value(url, "SELECT count(*) FROM restorations") == 0
    code, said = await run(*wanted, DATABASE_URL=url)
    assert code == 0, said
    assert read_value(url, COUNT_PAYMENTS) == 5
    assert read_value(url, "SELECT count(*) FROM restorations") == 1
    assert not [each for each in list_databases(server_url, name) if "_restoring_" in each]


async def _wait_for_database(server_url: str, name: str, part: str) -> None:
    async def is_made() -> bool:
        found = await asyncio.to_thread(list_databases, server_url, name)
        return any(part in each for each in found)

    await wait_until(is_made, f"a database of {name} is made")


async def test_a_backup_that_is_killed_leaves_no_file_of_that_name(
    url: str, tmp_path: Path
) -> None:
    file, slow = tmp_path / "one", make_tools(tmp_path / "slow", pg_dump='sleep 2; exec REAL "$@"')
    process = await start("backup", str(file), "--pg-bin", str(slow), DATABASE_URL=url)

    async def is_begun() -> bool:
        return ".one.unfinished" in await asyncio.to_thread(os.listdir, tmp_path)

    await wait_until(is_begun, "the file is begun")
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    assert "one" not in os.listdir(tmp_path)
    code, said = await run("backup", str(file), DATABASE_URL=url)
    assert code == 0, said
    assert sorted(os.listdir(tmp_path)) == ["one", "slow"]


async def test_the_report_says_what_the_chain_knows_since(
    stack: Stack, api: httpx.AsyncClient, database: Database, tmp_path: Path
) -> None:
    file = str(tmp_path / "one")
    given = {key: str(value) for key, value in stack.environment.items()}
    code, said = await run("backup", file, **given)
    assert code == 0, said
    await settle_outage(api, 25)
    later = await declare_outage(api, policy=AT_ONCE)
    code, said = await run("restore", file, **given)
    assert code == 0, said
    assert later in said
    # At least the one: others that use the stack may pay meanwhile.
    assert re.search(
        r"[1-9]\d* payments of [1-9]\d* USDC were owed, and [1-9]\d* of [1-9]\d* USDC confirmed",
        said,
    )
    assert re.search(r"[1-9]\d* transfers of \d+ USDC left the treasuries in ledgers", said)
    assert "sessions are open in it: stop the services" in said
    assert json.loads((await api.get(f"/outages/{later}")).text)["id"] == later
    code, said = await run("restore", file, "--apply", "--replace", **given)
    assert (code, "sessions are open" in said) == (1, True), "the services are at work"
