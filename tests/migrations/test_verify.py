"""`apexchainx verify-migrations` names what of a database is not as this build makes it."""

import os
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from devstack.environment.stack import Stack
from migrations.verify import verify
from tests.testkit.processes.commands import run_command
from tests.testkit.stacks import create_scratch_database

CHANGES = {
    "DROP TABLE troubles": "table troubles is missing",
    "CREATE TABLE strange (a int)": "table strange is not of this build",
    "ALTER TABLE outages DROP COLUMN root_cause": "column outages.root_cause is missing",
    "ALTER TABLE outages ALTER COLUMN assigned_to TYPE text": "column outages.assigned_to differs",
    "DROP INDEX ix_audit_entries_subject": "index ix_audit_entries_subject is missing",
    "CREATE INDEX ix_mine ON outages (severity)": "index ix_mine is not of this build",
    "ALTER TABLE wallets ADD CHECK (address <> '')": "constraint wallets.wallets_address_check is not",
    "ALTER TABLE postings DISABLE TRIGGER postings_are_immutable": "trigger postings.postings_are_immutable differs",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
    " AS $$ BEGIN RETURN NULL; END $$": "function refuse_change differs",
    "UPDATE alembic_version SET version_num = '0000'": "revision: the database is at 0000",
}
# Of what is changed above in another way.
MORE_CHANGES = {
    "ALTER TABLE outages ALTER COLUMN site_name DROP NOT NULL": "column outages.site_name differs",
    "DROP TRIGGER postings_are_immutable ON postings": "trigger postings.postings_are_immutable is missing",
}


@pytest.fixture
def url(stack: Stack) -> Iterator[str]:
    with create_scratch_database(stack.environment["DATABASE_URL"]) as made:
        yield made


def test_a_new_database_is_as_it_should_be(url: str) -> None:
    assert verify(url) == []
    with psycopg.connect(url) as connection:
        left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'apexchainx%'"
        assert connection.execute(left.encode()).fetchone() == (0,), "nothing is left behind"


@pytest.mark.parametrize("changes", [CHANGES, MORE_CHANGES], ids=["one way", "another way"])
def test_every_change_is_found(url: str, changes: dict[str, str]) -> None:
    with psycopg.connect(url) as connection:
        for change in changes:
            connection.execute(change.encode())
    lines = verify(url)
    for change, found in changes.items():
        assert sum(line.startswith(found) for line in lines) == 1, (change, lines)


def test_the_command_says_so_and_ends_with_one(stack: Stack, url: str) -> None:
    def run(**environment: str) -> "subprocess.CompletedProcess[str]":
        known = os.environ | environment
        return run_command("cli.main", "verify-migrations", environment=known)

    ended = run(DATABASE_URL=url)
    assert (ended.returncode, ended.stdout) == (0, "the database is as this build makes it\n")
    record = stack.directory.record()
    assert record is not None
    application = record.environment["DATABASE_URL"]
    ended = run(DATABASE_URL=application)
    assert ended.returncode == 1
    assert "set DATABASE_OWNER_URL" in ended.stderr
    ended = run(DATABASE_URL=application, DATABASE_OWNER_URL=stack.environment["DATABASE_URL"])
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
