"""A restore proves a database beside the one in use, lets it take that one's place, and deletes nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from adapters.backups.backup_files import read_backup
from adapters.postgres import events
from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from adapters.postgres.events import Cursor
from adapters.postgres.recovery import databases
from adapters.postgres.sla.agreements.agreements import add_agreement
from devstack.bench import seed_payments
from devstack.environment.postgres_binaries import find_binary
from devstack.environment.stack import Stack
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.events import EventType, make_event
from domain.recovery.restorations import Losses, RestoreTarget
from domain.requests import Request
from domain.sla.agreements.agreements import Agreement
from services.recovery.backups.take_backup import TakeBackup, take_backup
from services.recovery.restorations import restore_backup as use_case
from services.recovery.restorations.read_source import read_source
from services.recovery.restorations.read_target import read_target
from services.recovery.restorations.restore_backup import (
    RestoreBackup,
    RestoreBackupOutcome,
    restore_backup,
)
from tests.testkit.accounting.break_factory import tamper
from tests.testkit.accounting.fake_chain_history import store_confirmation
from tests.testkit.recovery.databases import (
    create_lost_database,
    drop_database,
    get_name,
    list_databases,
    name_other,
    read_value,
)
from tests.testkit.stacks import Stacks

TOOLS = find_binary("pg_dump").parent
AGREEMENT = Agreement("default", "GBOND", "GPOOL", "GPROVIDER", "GBENEFICIARY")
BY = Request("operator", "corr-restoring")
COUNT_PAYMENTS = "SELECT count(*) FROM payments"


@pytest.fixture
def server_url(stack: Stack) -> str:
    return stack.environment["DATABASE_URL"]


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with create_lost_database(server_url) as url:
        yield url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Five payments are owed in it."""
    database = Database(url, connections_max=2)
    async with database.transaction() as connection:
        await add_agreement(connection, AGREEMENT)
    await seed_payments.owe(database, "before", 5)
    yield database
    await database.close()


async def _take(database: Database, folder: Path) -> Path:
    path = folder / "one.backup"
    await take_backup(database, TakeBackup(path, "0.0.test", TOOLS))
    return path


async def _restore(url: str, path: Path, *, replaces: bool = False) -> RestoreBackupOutcome:
    server, name = databases.open_maintenance(url)
    try:
        source = await read_source(server, path, TOOLS, jobs=2)
        wanted = RestoreBackup(source, name, replaces, BY, datetime.now(UTC))
        return await restore_backup(server, wanted)
    finally:
        await server.close()


async def _read_losses(url: str, since: datetime) -> tuple[RestoreTarget, Losses]:
    server, name = databases.open_maintenance(url)
    try:
        target = await read_target(server, name, since)
    finally:
        await server.close()
    assert target.losses is not None
    return target, target.losses


async def test_a_lost_database_is_restored_and_says_that_it_was(
    server_url: str, url: str, database: Database, tmp_path: Path
) -> None:
    path = await _take(database, tmp_path)
    await database.close()
    drop_database(server_url, get_name(url))
    done = await _restore(url, path)
    assert list_databases(server_url, get_name(url)) == [get_name(url)]
    assert read_value(url, COUNT_PAYMENTS) == 5
    manifest = read_backup(path)
    restored = Database(url, connections_max=1)
    async with restored.autocommit() as connection:
        rows = await connection.execute(text("SELECT * FROM restorations"))
        (row,) = rows.mappings()
        (entry,) = await read_trail(connection, "installation")
    await restored.close()
    assert (row["backup_sha256"], row["backup_taken_at"], row["replaced_database"]) == (
        *(manifest.dump_sha256, manifest.contents.at),
        None,
    )
    assert row["restored_at"] == done.restoration.restored_at
    assert (entry["action"], entry["actor"]) == ("installation.restored", "operator")
    assert entry["evidence"]["backup_sha256"] == manifest.dump_sha256


async def test_a_second_restore_of_the_same_backup_does_nothing(
    server_url: str, url: str, database: Database, tmp_path: Path
) -> None:
    path = await _take(database, tmp_path)
    await database.close()
    drop_database(server_url, get_name(url))
    first = await _restore(url, path)
    await _owe_more(url, "work-after-the-restore")
    again = await _restore(url, path)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.restoration.restored_at == first.restoration.restored_at
    assert read_value(url, COUNT_PAYMENTS) == 6, "what was done since is still there"
    assert list_databases(server_url, get_name(url)) == [get_name(url)]


async def _owe_more(url: str, run: str) -> None:
    database = Database(url, connections_max=1)
    await seed_payments.owe(database, run, 1)
    await database.close()


async def test_a_database_that_holds_something_is_moved_away_and_only_if_asked(
    server_url: str, url: str, database: Database, tmp_path: Path
) -> None:
    path = await _take(database, tmp_path)
    await database.close()
    await _owe_more(url, "later")
    with pytest.raises(Conflict, match=r"is not empty .*payments 6.*--replace"):
        await _restore(url, path)
    assert list_databases(server_url, get_name(url)) == [get_name(url)]
    done = await _restore(url, path, replaces=True)
    kept = done.restoration.replaced_database
    assert kept is not None
    assert list_databases(server_url, get_name(url)) == sorted([get_name(url), kept])
    assert read_value(url, COUNT_PAYMENTS) == 5
    assert read_value(name_other(url, kept), COUNT_PAYMENTS) == 6


async def test_a_database_in_use_stays_as_it_is(
    server_url: str, url: str, database: Database, tmp_path: Path
) -> None:
    path = await _take(database, tmp_path)
    await database.close()
    with psycopg.connect(url), pytest.raises(Conflict, match=r"1 sessions are open.*stop the API"):
        await _restore(url, path, replaces=True)
    assert list_databases(server_url, get_name(url)) == [get_name(url)]


async def test_a_client_that_comes_back_during_the_restore_stops_it(
    server_url: str, url: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that nobody stopped connects again before the last step: it must not lose its database."""
    path = await _take(database, tmp_path)
    await database.close()
    replace, clients = databases.replace_database, list[psycopg.Connection[tuple[object, ...]]]()

    async def replace_late(*arguments: object) -> None:
        clients.append(await asyncio.to_thread(psycopg.connect, url))
        await replace(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(databases, "replace_database", replace_late)
    with pytest.raises(Conflict, match="is in use: stop the API"):
        await _restore(url, path, replaces=True)
    clients[0].close()
    monkeypatch.undo()
    assert read_value(url, "SELECT count(*) FROM restorations") == 0
    assert (await _restore(url, path, replaces=True)).restoration.replaced_database
    left = [name for name in list_databases(server_url, get_name(url)) if "_restoring_" in name]
    assert left == [], "what the first try made is gone"


async def test_the_report_names_what_would_be_lost(
    url: str, database: Database, tmp_path: Path
) -> None:
    path = await _take(database, tmp_path)
    since = read_backup(path).contents.at
    _, unchanged = await _read_losses(url, since)
    assert (unchanged.outages, unchanged.payments, unchanged.confirmed) == (0, 0, 0)
    await seed_payments.owe(database, "later", 2)
    target, lost = await _read_losses(url, since)
    assert sorted(lost.outage_ids) == ["later-1", "later-2"]
    assert (lost.payments, lost.payments_stroops) == (2, 20_000_000)
    assert target.rows["payments"] == 7
    assert not target.is_empty


async def test_the_report_counts_what_was_posted_since_whenever_its_ledger_closed(
    url: str, database: Database, tmp_path: Path
) -> None:
    """Ledgers close in whole seconds, so that a payment made after a backup may be confirmed before it."""
    before, after = await seed_payments.owe(database, "settled", 2)
    await store_confirmation(database, before, "b" * 64, 7)
    since = read_backup(await _take(database, tmp_path)).contents.at
    await store_confirmation(database, after, "c" * 64, 8)
    for payment in (before, after):
        earlier = "UPDATE payments SET confirmed_at = now() - interval '1 minute' WHERE id = :id"
        await tamper(database, earlier, id=payment.id)
    _, lost = await _read_losses(url, since)
    assert (lost.confirmed, lost.confirmed_stroops) == (1, after.amount_stroops)


async def test_two_restores_at_once_are_one_too_many(
    url: str, database: Database, tmp_path: Path
) -> None:
    path = await _take(database, tmp_path)
    server, _ = databases.open_maintenance(url)
    async with server.autocommit() as connection:
        await databases.lock(connection)
        with pytest.raises(Conflict, match="another restore is at work"):
            await _restore(url, path, replaces=True)
    await server.close()


async def test_the_event_feed_goes_on_in_a_server_that_counts_from_the_beginning(
    stacks: Stacks,
    url: str,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Readers keep cursors that name transactions; the ones of the new server must come after them."""
    monkeypatch.setattr(use_case, "TRANSACTIONS_MARGIN", 2_000)
    async with stacks.start_postgres(tmp_path / "other") as other_url:
        await _burn(url, until=await _count_transactions(other_url) + 5_000)
        await _publish(database, "before")
        path = await _take(database, tmp_path)
        await _publish(database, "lost")
        async with database.autocommit() as connection:
            known = await events.list_after(connection, Cursor(), 1_000, EVERYTHING)
        cursor = Cursor(known[-1].transaction, known[-1].sequence)
        new = name_other(other_url, get_name(url))
        await _restore(new, path)
        restored = Database(new, connections_max=1)
        await _publish(restored, "after")
        async with restored.autocommit() as connection:
            whole = await events.list_after(connection, Cursor(), 1_000, EVERYTHING)
            later = await events.list_after(connection, cursor, 1_000, EVERYTHING)
        await restored.close()
    assert [row.data["about"] for row in known] == ["before", "lost"]
    assert [row.data["about"] for row in whole] == ["before", "after"]
    assert [row.data["about"] for row in later] == ["after"]


async def _count_transactions(url: str) -> int:
    server = Database(url, connections_max=1)
    async with server.autocommit() as connection:
        found = await databases.get_next_transaction(connection)
    await server.close()
    return found


async def _burn(url: str, until: int) -> None:
    server = Database(url, connections_max=1)
    async with server.autocommit() as connection:
        await databases.advance_transactions(connection, until)
    await server.close()


async def _publish(database: Database, subject: str) -> None:
    at = datetime.now(UTC)
    entry = make_audit_entry(subject, "outage.created", BY, at, {})
    event = make_event(EventType.OUTAGE_CREATED, None, at, {"about": subject}, subject)
    async with database.transaction() as connection:
        await events.publish(connection, entry, event)
