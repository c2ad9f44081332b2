"""A backup is one instant of the database, whoever writes to it meanwhile; what is not whole is no backup."""

import asyncio
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.backups.backup_files import append_manifest, hash_dump, read_backup
from adapters.backups.tools import find_tools
from adapters.postgres.database import Database
from adapters.postgres.recovery.databases import open_maintenance
from adapters.postgres.sla.agreements.agreements import add_agreement
from devstack.bench import seed_journal
from devstack.environment.postgres_binaries import find_binary
from devstack.environment.stack import Stack
from domain.errors import BackupUnusable, Conflict, ToolFailed
from domain.sla.agreements.agreements import Agreement
from services.recovery.backups.rehearse_restore import rehearse_restore
from services.recovery.backups.take_backup import TakeBackup, check_tables, take_backup
from services.recovery.restorations.read_source import read_source
from tests.testkit.recovery.databases import (
    create_lost_database,
    get_name,
    list_databases,
    make_tools,
)

TOOLS = find_binary("pg_dump").parent
AGREEMENT = Agreement("default", "GBOND", "GPOOL", "GPROVIDER", "GBENEFICIARY")


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    """A database with a journal of a few hundred payments."""
    with create_lost_database(stack.environment["DATABASE_URL"]) as url:
        asyncio.run(_fill(url, 2_000))
        yield url


async def _fill(url: str, postings: int = 0) -> None:
    database = Database(url, connections_max=2)
    async with database.transaction() as connection:
        await add_agreement(connection, AGREEMENT)
    if postings:
        await seed_journal.write(database, postings)
    await database.close()


@pytest.fixture(scope="module")
async def taken(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("taken") / "whole.backup"
    await _take(url, path)
    return path


async def _take(url: str, path: Path, tools: Path = TOOLS) -> None:
    database = Database(url, connections_max=1)
    try:
        await take_backup(database, TakeBackup(path, "0.0.test", tools))
    finally:
        await database.close()


async def _rehearse(url: str, path: Path) -> None:
    server, name = open_maintenance(url)
    try:
        await rehearse_restore(server, name, await read_source(server, path, TOOLS, jobs=2))
    finally:
        await server.close()


async def test_a_backup_while_writers_write_is_one_instant(stack: Stack, tmp_path: Path) -> None:
    # It is held up, so that the writers are ahead of the snapshot when the dump begins.
    slow = make_tools(tmp_path / "slow", pg_dump='sleep 0.5; exec REAL "$@"')
    path = tmp_path / "live.backup"
    with create_lost_database(stack.environment["DATABASE_URL"]) as url:
        await _fill(url)
        writing = Database(url, connections_max=6)
        writers = asyncio.create_task(seed_journal.measure_posting(writing, 4, 600))
        while await _count_entries(writing) <= 600 and not writers.done():
            await asyncio.sleep(0.02)
        await _take(url, path, slow)
        now = await _count_entries(writing)
        manifest = read_backup(path)
        assert 600 < manifest.contents.tables["entries"].rows < now, "nobody wrote meanwhile"
        assert not writers.done(), "they wrote until after it"
        # Every table is compared with what the snapshot showed.
        await _rehearse(url, path)
        writers.cancel()
        with suppress(asyncio.CancelledError):
            await writers
        await writing.close()
    # What breaks when half of a transaction is in the dump.
    torn = {"entries_balance", "trial_balance_zero", "balances_match_postings"}
    assert torn.isdisjoint(manifest.contents.violated)


async def _count_entries(database: Database) -> int:
    async with database.autocommit() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM entries")) or 0)


async def test_a_backup_is_private_and_never_written_over(url: str, taken: Path) -> None:
    assert stat.S_IMODE(os.stat(taken).st_mode) == 0o600
    before = hash_dump(taken)
    with pytest.raises(Conflict, match="choose another name"):
        await _take(url, taken)
    assert hash_dump(taken) == before
    assert os.listdir(taken.parent) == [taken.name]


async def test_a_plain_pg_restore_reads_it(taken: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(TOOLS / "pg_restore"), "--list", str(taken)), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert b"TABLE DATA public payments" in out


@pytest.mark.parametrize("cut", [1, 60, 2_000, 50_000])
def test_a_torn_backup_is_refused(taken: Path, tmp_path: Path, cut: int) -> None:
    torn = tmp_path / "torn"
    torn.write_bytes(taken.read_bytes()[:-cut])
    with pytest.raises(BackupUnusable, match="is torn"):
        read_backup(torn)


def test_an_empty_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(BackupUnusable, match="is torn"):
        read_backup(empty)
    with pytest.raises(FileNotFoundError):
        read_backup(tmp_path / "missing")


@pytest.mark.parametrize("place", [0.1, 0.5, 0.99])
def test_a_changed_byte_is_noticed(taken: Path, tmp_path: Path, place: float) -> None:
    content = bytearray(taken.read_bytes())
    content[int(len(content) * place)] ^= 1
    changed = tmp_path / "changed"
    changed.write_bytes(content)
    with pytest.raises(BackupUnusable, match="was changed"):
        read_backup(changed)


async def test_programs_of_another_version_are_refused(url: str, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (old / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 15.18 (Debian)'\n")
        (old / name).chmod(0o755)
    with pytest.raises(ToolFailed, match=r"is PostgreSQL 18.*is of version 15.*--pg-bin"):
        await _take(url, tmp_path / "new.backup", old)
    with pytest.raises(ToolFailed, match="none was found"):
        await _take(url, tmp_path / "new.backup", tmp_path)
    assert os.listdir(tmp_path) == ["old"]


async def test_an_old_program_on_the_path_is_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 15.18'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert (await find_tools(18)).major == 18


async def test_a_backup_of_another_build_or_a_newer_server_is_refused(
    url: str, taken: Path, tmp_path: Path
) -> None:
    other = _change(taken, tmp_path / "other", revision="0001_other")
    with pytest.raises(BackupUnusable, match="with the build that made it"):
        await _rehearse(url, other)
    newer = _change(taken, tmp_path / "newer", server_major=99)
    with pytest.raises(BackupUnusable, match="a server that is not older"):
        await _rehearse(url, newer)


async def test_what_is_not_as_it_was_backed_up_is_refused(
    stack: Stack, url: str, taken: Path, tmp_path: Path
) -> None:
    tables = read_backup(taken).contents.tables
    lacking = dict(tables, payments=replace(tables["payments"], rows=tables["payments"].rows + 1))
    wrong = _change(taken, tmp_path / "wrong", tables=lacking)
    with pytest.raises(BackupUnusable, match=r"table payments has \d+ rows where \d+ were"):
        await _rehearse(url, wrong)
    changed = dict(tables, postings=replace(tables["postings"], checksum="1"))
    wrong = _change(taken, tmp_path / "changed", tables=changed)
    with pytest.raises(BackupUnusable, match="table postings has other rows"):
        await _rehearse(url, wrong)
    name = get_name(url)
    assert list_databases(stack.environment["DATABASE_URL"], name) == [name], "the trial's is gone"


def _change(taken: Path, path: Path, **changes: object) -> Path:
    """A backup with the same dump, and a manifest that says something else of it."""
    manifest = read_backup(taken)
    path.write_bytes(taken.read_bytes()[: manifest.dump_bytes])
    contents = replace(manifest.contents, **changes)  # type: ignore[arg-type]
    append_manifest(path, replace(manifest, contents=contents))
    assert hash_dump(path, manifest.dump_bytes)[1] == manifest.dump_sha256
    return path


async def test_a_dump_that_fails_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    # As a full disk ends it: something is written, then it fails.
    script = 'for each; do case "$each" in --file=*) echo half > "${each#--file=}";; esac; done'
    broken = make_tools(tmp_path / "broken", pg_dump=f"{script}; echo No space left >&2; exit 1")
    with pytest.raises(ToolFailed, match="pg_dump ended with 1 and said: No space left"):
        await _take(url, tmp_path / "new.backup", broken)
    assert os.listdir(tmp_path) == ["broken"]


async def test_a_dump_without_the_rows_of_a_table_is_refused(taken: Path) -> None:
    contents = read_backup(taken).contents
    listed = [f"1; 0 2 TABLE DATA public {name} someone" for name in contents.tables]
    check_tables(contents, listed)
    with pytest.raises(BackupUnusable, match="no rows of wallets"):
        check_tables(contents, [line for line in listed if "public wallets " not in line])
