"""What the processes may do in the database: less than its owner."""

import re
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import make_url

from adapters.postgres.database import Database
from adapters.postgres.tables import metadata
from devstack.environment.stack import Stack
from migrations.grants import (
    RolesUnusable,
    find_application,
    find_differences,
    grant_privileges,
    list_privileges,
)
from tests.testkit.source_tree import list_modules
from tests.testkit.stacks import create_scratch_database

DELETING = re.compile(r"DELETE FROM (\w+)|\bdelete\((\w+)\)")
APPEND_ONLY = ("audit_entries", "entries", "postings", "events", "policies", "envelopes")


@pytest.fixture(scope="module")
def application_url(stack: Stack) -> str:
    """What the processes of the stack connect with."""
    record = stack.directory.record()
    assert record is not None
    return record.environment["DATABASE_URL"]


@pytest.fixture(scope="module")
async def application(application_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(application_url, autocommit=True) as opened:
        yield opened


async def test_the_processes_of_a_stack_are_not_the_owner(
    stack: Stack, database: Database, application: psycopg.AsyncConnection
) -> None:
    roles = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database()"
    asked = await application.execute(f"{roles} AND application_name <> 'psql'")
    assert "apexchainx_app" in {row[0] for row in await asked.fetchall()}
    owned = await application.execute(
        "SELECT count(*) FROM pg_tables WHERE tableowner = current_user"
    )
    assert await owned.fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (a int)",
        "CREATE TEMPORARY TABLE postings (a int)",
        "ALTER TABLE postings DISABLE TRIGGER ALL",
        "DROP TRIGGER postings_are_immutable ON postings",
        "TRUNCATE idempotency_keys",
        "SET session_replication_role = 'replica'",
        "UPDATE alembic_version SET version_num = 'x'",
        *(f"DELETE FROM {table}" for table in (*APPEND_ONLY, "payments", "outages")),
        "UPDATE audit_entries SET actor = 'nobody'",
        "UPDATE postings SET amount_stroops = 1",
        "UPDATE entries SET kind = 'accrual'",
        "UPDATE events SET data = '{}'",
        "UPDATE envelopes SET hash = 'x'",
    ],
)
async def test_the_processes_may_not(application: psycopg.AsyncConnection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await application.execute(statement.encode())


async def test_what_is_granted_is_what_is_wanted(stack: Stack, application_url: str) -> None:
    role = make_url(application_url).username or ""
    with psycopg.connect(stack.environment["DATABASE_URL"], autocommit=True) as owner:
        assert find_differences(owner, role) == []


def test_rows_are_deleted_where_the_table_says_so() -> None:
    deleted = {
        one or other
        for path in list_modules(["adapters"])
        for one, other in DELETING.findall(path.read_text())
    }
    assert deleted == {name for name, table in metadata.tables.items() if table.info}


def test_what_a_trigger_keeps_the_processes_may_not_change() -> None:
    may = list_privileges()
    for table in APPEND_ONLY:
        assert may[table] == {"SELECT", "INSERT"}, table
    assert "UPDATE" in may["payments"]
    assert all("TRUNCATE" not in words for words in may.values())


def test_a_privilege_too_many_or_too_few_is_found(stack: Stack) -> None:
    role = "apexchainx_app"
    with create_scratch_database(stack.environment["DATABASE_URL"]) as url:
        owner = make_url(url)
        granted = owner.set(username=role, password="x")
        grant_privileges(url, granted)
        with psycopg.connect(url, autocommit=True) as connection:
            assert find_differences(connection, role) == []
            connection.execute(f"GRANT DELETE ON postings TO {role}".encode())
            connection.execute(f"REVOKE INSERT ON outages FROM {role}".encode())
            assert find_differences(connection, role) == [
                f"privileges: {role} may not INSERT on outages",
                f"privileges: {role} may DELETE on postings",
            ]
        grant_privileges(url, granted)
        with psycopg.connect(url, autocommit=True) as connection:
            assert find_differences(connection, role) == []


def test_a_superuser_is_refused_and_so_is_another_database(stack: Stack) -> None:
    url = stack.environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(b"CREATE ROLE too_mighty SUPERUSER")
        try:
            with pytest.raises(RolesUnusable, match="superuser"):
                grant_privileges(url, make_url(url).set(username="too_mighty"))
        finally:
            connection.execute(b"DROP ROLE too_mighty")
    with pytest.raises(RolesUnusable, match="must name the same one"):
        grant_privileges(url, make_url(url).set(username="other", database="elsewhere"))


def test_one_user_for_all_is_left_as_it_is() -> None:
    url = "postgresql://one:x@127.0.0.1:1/db"
    assert find_application(url, None) is None
    assert find_application(url, url) is None
    assert find_application(url, "postgresql://two:x@127.0.0.1:1/db") is not None
