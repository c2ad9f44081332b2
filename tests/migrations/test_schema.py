"""The baseline makes exactly the tables the code knows, the guards its .sql files say, and the first rows."""

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres.accounting import guards
from adapters.postgres.database import Database
from adapters.postgres.sla import policies
from devstack.environment.stack import Stack
from migrations.run import check, upgrade
from tests.migrations import write_baseline
from tests.testkit import stacks
from tests.testkit.api_client import (
    AT_ONCE,
    declare_outage,
    resolve_outage,
    wait_until,
)
from tests.testkit.processes.commands import run_command

OURS = "pronamespace = current_schema()::regnamespace"


@pytest.fixture(scope="module")
async def new(stack: Stack) -> AsyncIterator[Database]:
    """A database that nobody has written to yet."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        yield database


async def read(database: Database, statement: str) -> list[tuple[object, ...]]:
    async with database.autocommit() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def test_the_migrations_make_the_tables_the_code_declares(stack: Stack) -> None:
    await asyncio.to_thread(check, stack.environment["DATABASE_URL"])


async def test_every_function_equals_its_file_and_there_is_no_other(new: Database) -> None:
    found = await read(new, f"SELECT proname, prosrc FROM pg_proc WHERE {OURS}")
    assert dict(found) == write_baseline.read_functions()


async def test_every_trigger_equals_its_file_and_there_is_no_other(new: Database) -> None:
    found = await read(
        new,
        "SELECT pg_get_triggerdef(t.oid, true), tgenabled FROM pg_trigger t"
        " JOIN pg_class c ON c.oid = tgrelid"
        " WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace",
    )
    assert sorted(found) == sorted((said, "O") for said in write_baseline.read_triggers())


async def test_every_guard_has_a_fixed_search_path(new: Database) -> None:
    """Whatever calls itself like one of them: each function keeps the path it was made with."""
    found = await read(new, f"SELECT proname, proconfig::text FROM pg_proc WHERE {OURS}")
    paths = {name: path for name, path in found if name in guards.BODIES}
    assert paths == dict.fromkeys(guards.BODIES, '{"search_path=public, pg_temp"}')


async def test_the_guard_digests_are_those_of_the_newest_revision(database: Database) -> None:
    """An integrity check skips a database that was made by a migration it does not know."""
    assert await read(database, "SELECT version_num FROM alembic_version") == [(guards.REVISION,)]


async def test_the_seeded_policies_carry_the_computed_digests(new: Database) -> None:
    kept = {}
    async with new.autocommit() as connection:
        for name in ("standard", "sandbox"):
            kept[name] = await policies.get_version(connection, name, 1)
    assert {name: policy.dispute_window_seconds for name, policy in kept.items()} == {
        "standard": 86_400,
        "sandbox": 5,
    }
    stored = await read(new, "SELECT name, terms_hash, digest FROM policies")
    computed = [(name, policy.terms_hash(), policy.digest()) for name, policy in kept.items()]
    assert sorted(stored) == sorted(computed), "write what is computed into migrations/sql/seed.sql"


async def test_the_circuit_breaker_is_closed_in_a_new_database(new: Database) -> None:
    assert await read(new, "SELECT name, is_open FROM circuit_breakers") == [("settlement", False)]


async def test_migrating_again_changes_nothing(stack: Stack) -> None:
    await asyncio.to_thread(upgrade, stack.environment["DATABASE_URL"])


async def test_a_database_of_another_baseline_is_refused_with_what_to_do(stack: Stack) -> None:
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as other:
        async with other.transaction() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '0026'"))
        url = other.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        command = partial(run_command, environment=os.environ | {"DATABASE_URL": url})
        ended = await asyncio.to_thread(command, "cli.main", "migrate")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("apexchainx: This build cannot use the database: another build")
    assert "migration 0026" in ended.stderr
    assert guards.REVISION in ended.stderr
    assert "start with a new one" in ended.stderr


ONE_SIDED = text(
    """
    WITH entry AS (
        INSERT INTO entries (id, kind, payment_id, currency, lines, slot)
        SELECT 'one-sided', 'adjustment', id, 'USDC', 1, 0 FROM payments LIMIT 1 RETURNING id
    )
    INSERT INTO postings (entry_id, line, account, amount_stroops)
    SELECT id, 1, 'expense:test', 5 FROM entry
    """
)


async def post_one_side(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(ONE_SIDED)


async def test_an_unbalanced_entry_is_refused(api: httpx.AsyncClient, database: Database) -> None:
    outage_id = await declare_outage(api, policy=AT_ONCE)
    await resolve_outage(api, outage_id)
    await wait_until(lambda: _has_payment(api, outage_id), "the outage is paid")
    with pytest.raises(IntegrityError, match="does not balance"):
        await post_one_side(database)


async def _has_payment(api: httpx.AsyncClient, outage_id: str) -> bool:
    listed = await api.get("/payments", params={"outage_id": outage_id})
    return bool(listed.json()["items"])


@pytest.mark.parametrize("table", ["entries", "postings", "audit_entries", "events", "sla_results"])
async def test_no_row_of_the_journal_can_be_changed(
    stack: Stack, database: Database, table: str
) -> None:
    with pytest.raises(IntegrityError, match="never changed"):
        await delete_all(database, table)


async def delete_all(database: Database, table: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(text(f"DELETE FROM {table}"))
