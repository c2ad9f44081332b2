"""The database itself protects the journal, whatever the code above it does."""

from collections.abc import Sequence

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from adapters.postgres.database import Database, make_dialect_url
from adapters.postgres.tables import metadata
from devstack.environment.stack import Stack
from domain.errors import Refused, Unavailable
from tests.testkit.api_client import settle_outage, wait_until

IMMUTABLE = ("entries", "postings", "audit_entries", "events", "sla_results", "policies")


async def _find_refusal(database: Database, *statements: str) -> str:
    with pytest.raises(DBAPIError) as refusal:
        await _write(database, statements)
    return str(refusal.value.orig)


async def _write(database: Database, statements: Sequence[str]) -> None:
    async with database.transaction() as connection:
        for statement in statements:
            await connection.execute(text(statement))


def test_the_migrations_make_exactly_the_tables_of_the_code(stack: Stack) -> None:
    engine = create_engine(make_dialect_url(stack.environment["DATABASE_URL"]))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@pytest.mark.parametrize("table", IMMUTABLE)
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET {}"])
async def test_append_only_rows_cannot_be_changed(
    database: Database, table: str, change: str
) -> None:
    column = next(iter(metadata.tables[table].primary_key.columns)).name
    if column == "sequence":
        column = "id"  # an identity column is refused for another reason
    statement = change.format(table, f"{column} = {column}")
    assert "rows are never changed" in await _find_refusal(database, statement)


async def test_an_unbalanced_entry_is_refused_at_commit(api: object, database: Database) -> None:
    payment = (await settle_outage(api))["payment"]["id"]  # type: ignore[arg-type]
    complaint = await _find_refusal(
        database,
        f"INSERT INTO entries (id, kind, payment_id, currency, lines, slot)"
        f" VALUES ('ent_x', 'adjustment', '{payment}', 'USDC', 2, 0)",
        "INSERT INTO postings VALUES ('ent_x', 1, 'a', 5), ('ent_x', 2, 'b', -4)",
    )
    assert "entry ent_x does not balance" in complaint


async def test_a_value_the_database_cannot_store_is_not_retried(database: Database) -> None:
    with pytest.raises(Refused, match="the database cannot hold this value"):
        async with database.transaction() as connection:
            await connection.execute(text("SELECT CAST(:value AS text)"), {"value": "a\x00b"})


async def test_an_unreachable_database_is_reported_as_unavailable() -> None:
    nowhere = Database("postgresql://u:p@127.0.0.1:1/x")
    with pytest.raises(Unavailable, match="the database does not answer"):
        async with nowhere.transaction():
            pass
    await nowhere.close()


async def test_who_lists_things_has_lists_planned_anew_and_changes_as_they_were_planned_before(
    stack: Stack, database: Database
) -> None:
    opened = Database(stack.environment["DATABASE_URL"], connections_max=1, reads=True)
    shown = text("SELECT current_setting('plan_cache_mode'), pg_backend_pid()")
    async with opened.autocommit() as reading, opened.transaction() as writing:
        of_reads = (await reading.execute(shown)).one()
        of_writes = (await writing.execute(shown)).one()
    assert (of_reads[0], of_writes[0]) == ("force_custom_plan", "auto")
    await opened.close()
    still = text("SELECT count(*) FROM pg_stat_activity WHERE pid IN (:one, :other)")
    pids = {"one": of_reads[1], "other": of_writes[1]}

    async def are_gone() -> bool:
        async with database.autocommit() as connection:
            return await connection.scalar(still, pids) == 0

    await wait_until(are_gone, "both connections are closed")
