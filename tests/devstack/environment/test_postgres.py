"""A real PostgreSQL: made once, durable, back after a kill, refused when it is another version's."""

import asyncio
import os
import signal
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest

from devstack.environment.postgres import Postgres
from devstack.processes import ports
from devstack.processes.programs import CannotStart
from devstack.processes.supervisor import Supervisor
from tests.devstack.conftest import Eventually


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster as initdb makes it, once for all tests: each starts a copy."""
    folder = tmp_path_factory.mktemp("made")
    await Postgres(folder, 0).make()
    return folder


@pytest.fixture
async def postgres(made: Path, tmp_path: Path, supervisor: Supervisor) -> Postgres:
    # With its owner, who is another user where root runs the suite.
    copy = ["cp", "-a", *(str(made / name) for name in ("postgres", "postgres-password"))]
    await asyncio.to_thread(subprocess.run, [*copy, str(tmp_path)], check=True)
    each = Postgres(tmp_path, ports.free())
    await each.make()
    await supervisor.start(each.program())
    await each.make_database()
    return each


async def _ask(postgres: Postgres, statement: str) -> object:
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        row = await cursor.fetchone() if cursor.description else None
        return row and row[0]


async def test_it_is_durable_and_speaks_utf8(postgres: Postgres) -> None:
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "server_encoding": "UTF8",
        "lc_collate": "C",
        "timezone": "UTC",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
    }
    query = "SELECT current_setting('{}')"
    collation = "SELECT datcollate FROM pg_database WHERE datname = 'apexchainx'"
    found = {
        name: await _ask(postgres, query.format(name)) for name in expected if name[:3] != "lc_"
    }
    assert found | {"lc_collate": await _ask(postgres, collation)} == expected
    assert str(await _ask(postgres, "SHOW server_version")).startswith("18.")


async def test_a_kill_loses_nothing(
    postgres: Postgres, supervisor: Supervisor, reported: list[str], eventually: Eventually
) -> None:
    await _ask(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    supervisor.kill("postgres")

    async def back() -> bool:
        return "postgres serves again" in reported

    await eventually(back)
    assert await _ask(postgres, "SELECT answer FROM kept") == 42


async def test_a_stop_and_a_start_keep_the_data(postgres: Postgres, supervisor: Supervisor) -> None:
    await _ask(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    await supervisor.stop(["postgres"])
    again = Postgres(postgres.directory, ports.free())
    await again.make()
    await supervisor.start(again.program())
    await again.make_database()
    assert await _ask(again, "SELECT answer FROM kept") == 42


async def test_a_stale_lock_of_a_reused_process_id_is_no_obstacle(
    postgres: Postgres, supervisor: Supervisor
) -> None:
    await supervisor.stop(["postgres"])
    # This very process: alive, and not PostgreSQL.
    (postgres.cluster / "postmaster.pid").write_text(f"{os.getppid()}\n{postgres.cluster}\n")
    await supervisor.start(postgres.program())


async def test_a_running_server_is_not_joined(
    postgres: Postgres, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devstack.environment.old_servers.OLD_SERVER_SECONDS", 0.1)
    with pytest.raises(CannotStart, match="another PostgreSQL is running"):
        await postgres.program().prepare()


async def test_the_wrong_password_is_refused(postgres: Postgres) -> None:
    host = f"127.0.0.1:{postgres.port}"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await psycopg.AsyncConnection.connect(f"postgresql://apexchainx:guess@{host}/apexchainx")


async def test_the_password_is_for_its_owner_only(postgres: Postgres) -> None:
    mode = stat.S_IMODE((postgres.directory / "postgres-password").stat().st_mode)
    assert mode == 0o600


async def test_an_interrupted_initdb_is_begun_again(tmp_path: Path, supervisor: Supervisor) -> None:
    leftover = tmp_path / "postgres.unfinished"
    leftover.mkdir()
    (leftover / "PG_VERSION").write_text("18")
    postgres = Postgres(tmp_path, ports.free())
    await postgres.make()
    await supervisor.start(postgres.program())


async def test_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(CannotStart) as failure:
        await Postgres(tmp_path, ports.free()).make()
    assert str(failure.value) == (
        f"{tmp_path / 'postgres'} was made by PostgreSQL 17 and this is 18: "
        "move it away, or name another --data-dir"
    )


def test_a_killed_parent_takes_the_postmaster_along_gently(tmp_path: Path) -> None:
    assert Postgres(tmp_path, 1).program().death_signal is signal.SIGQUIT
