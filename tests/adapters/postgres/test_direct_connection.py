"""What is handed to the driver itself answers, fails and ends as what SQLAlchemy executes."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import psycopg
import pytest
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Uuid,
    bindparam,
    cast,
    column,
    event,
    func,
    literal,
    null,
    select,
    text,
    values,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import DBAPIError, InvalidRequestError, PendingRollbackError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.direct_connection import DirectConnection, DirectResult
from adapters.postgres.tables import limits, policies
from domain.errors import Unavailable


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


AT = datetime(2026, 1, 31, 12, 30, 15, 250, tzinfo=UTC)
_ROWS = values(column("id", Integer), column("name", String), name="v").data(
    [(1, "one"), (2, "two"), (3, "three"), (4, "100% of it: all")]
)
_NAMED = select(_ROWS.c.id, _ROWS.c.name).order_by(_ROWS.c.id)
CASES: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "text": (
        text("SELECT CAST(:a AS text) AS a, :b || 'x' AS b, '50%' AS c"),
        {"a": "é", "b": "y"},
    ),
    "a name twice in a text": (
        text("SELECT CAST(:a AS int) AS a, CAST(:a AS int) + 1 AS b"),
        {"a": 2},
    ),
    "json and arrays in a text": (
        text("SELECT CAST(:j AS jsonb) AS j, CAST(:l AS text[]) AS l, CAST(:b AS bytea[]) AS b"),
        {"j": '{"a": [1, null, "x"]}', "l": ["a", None, "b,c"], "b": [b"\x00\xff", b""]},
    ),
    "types": (
        select(
            literal(2**53 + 1, BigInteger).label("big"),
            literal(7, Integer).label("int"),
            literal(Decimal("1.10"), Numeric).label("numeric"),
            literal(True, Boolean).label("bool"),
            literal(AT, DateTime(timezone=True)).label("at"),
            literal(date(2026, 2, 28), Date).label("day"),
            literal(b"\x00\x01", LargeBinary).label("bytes"),
            literal({"a": [1, 2.5, None]}, JSONB).label("jsonb"),
            cast(literal('{"b": 1}', String), JSON).label("json"),
            literal(["x", "y"], ARRAY(String)).label("array"),
            literal([], ARRAY(Integer)).label("no_array"),
            literal(Colour.RED, String).label("enum"),
            null().label("nothing"),
            func.gen_random_uuid().is_not(None).label("uuid"),
            cast(literal("5f0c6e3e-3c7b-4b8e-9b39-0b0c2f8d9c11", String), Uuid).label("id"),
            func.sum(literal(3, BigInteger)).label("sum"),
        ),
        {},
    ),
    "a parameter of a statement": (_NAMED.where(_ROWS.c.id == bindparam("id")), {"id": 3}),
    "a list": (_NAMED.where(_ROWS.c.name.in_(["one", "three"])), {}),
    "a longer list": (_NAMED.where(_ROWS.c.name.in_(["one", "two", "three"])), {}),
    "an empty list": (_NAMED.where(_ROWS.c.name.in_([])), {}),
    "a list that is a parameter": (
        _NAMED.where(_ROWS.c.id.in_(bindparam("ids", expanding=True)), _ROWS.c.id != 4),
        {"ids": [1, 4, 2]},
    ),
    "two lists and a limit": (
        _NAMED.where(_ROWS.c.id.in_([1, 2, 4]), _ROWS.c.name.not_in(["two"])).limit(5),
        {},
    ),
    "per cent": (_NAMED.where(_ROWS.c.name.like("100% of%")), {}),
    "no rows": (_NAMED.where(_ROWS.c.id == 99), {}),
    "no columns named": (text("SELECT 1, 2"), {}),
}


async def _ask(connection: AsyncConnection, case: str, *, directly: bool) -> list[Any]:
    statement, parameters = CASES[case]
    execute = connection.execute
    result = await (
        execute(statement, parameters)
        if directly
        else AsyncConnection.execute(connection, statement, parameters)
    )
    assert isinstance(result, DirectResult) is directly
    rows = result.all()
    return [list(result.keys()), rows, [list(map(type, row)) for row in rows]]


@pytest.mark.parametrize("case", CASES)
async def test_the_driver_answers_what_sqlalchemy_answers(database: Database, case: str) -> None:
    for _ in range(2):
        async with database.autocommit() as connection:
            direct = await _ask(connection, case, directly=True)
            assert direct == await _ask(connection, case, directly=False)
        async with database.transaction() as connection:
            assert direct == await _ask(connection, case, directly=True)


async def test_a_row_is_read_by_name_by_place_and_by_column(database: Database) -> None:
    async with database.autocommit() as connection:
        row = (await connection.execute(_NAMED)).first()
        assert row is not None
        assert (row.name, row[0], row._mapping[_ROWS.c.name]) == ("one", 1, "one")
        assert await connection.scalar(select(func.count()).select_from(_ROWS)) == 4
        assert (await connection.scalars(_NAMED)).all() == [1, 2, 3, 4]
        twice = (await connection.execute(text("SELECT 1 AS a, 2 AS a"))).mappings().one()
        with pytest.raises(InvalidRequestError, match="Ambiguous"):
            assert twice["a"]


async def test_what_a_change_found_is_counted(database: Database) -> None:
    async with database.transaction() as connection:
        made = "CREATE TEMPORARY TABLE counted (id int PRIMARY KEY, name text) ON COMMIT DROP"
        await connection.execute(text(made))
        await connection.execute(
            text("INSERT INTO counted SELECT g, 'x' FROM generate_series(1, 5) g")
        )
        changed = await connection.execute(text("UPDATE counted SET name = 'y' WHERE id < 4"))
        assert changed.rowcount == 3
        several = [{"id": 6}, {"id": 7}]
        await connection.execute(text("INSERT INTO counted VALUES (:id, 'z')"), several)
        assert await connection.scalar(text("SELECT count(*) FROM counted")) == 7


async def test_an_error_is_sqlalchemys_and_a_savepoint_is_gone_back_to(database: Database) -> None:
    async with database.transaction() as connection:
        with pytest.raises(DBAPIError) as refused:
            async with connection.begin_nested():
                await connection.execute(text("SELECT 1 / :zero"), {"zero": 0})
        assert isinstance(refused.value.orig, psycopg.errors.DivisionByZero)
        assert "zero" not in str(refused.value.params)
        assert await connection.scalar(text("SELECT 1")) == 1


async def _fail(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TEMPORARY TABLE left_behind (id int)"))
        await connection.execute(text("SELECT * FROM nowhere_at_all"))


async def test_a_failed_transaction_is_rolled_back_and_its_connection_is_used_again(
    database: Database,
) -> None:
    alone = Database(database.url.render_as_string(hide_password=False), connections_max=1)
    async with alone.autocommit() as connection:
        before = await connection.scalar(text("SELECT pg_backend_pid()"))
    with pytest.raises(ProgrammingError):
        await _fail(alone)
    found = text("SELECT pg_backend_pid(), to_regclass('left_behind') IS NULL")
    async with alone.autocommit() as connection:
        assert tuple((await connection.execute(found)).one()) == (before, True)
    await alone.close()


async def test_each_use_of_a_pooled_connection_says_whether_it_commits(database: Database) -> None:
    alone = Database(database.url.render_as_string(hide_password=False), connections_max=1)
    transaction = text("SELECT pg_current_xact_id()::text")
    for _ in range(2):
        async with alone.autocommit() as connection:
            before = await connection.scalar(transaction)
            assert await connection.scalar(transaction) != before
        async with alone.transaction() as connection:
            before = await connection.scalar(transaction)
            assert await connection.scalar(transaction) == before
    await alone.close()


async def test_a_statement_that_is_cancelled_takes_its_connection_along(database: Database) -> None:
    alone = Database(database.url.render_as_string(hide_password=False), connections_max=1)
    pid = text("SELECT pg_backend_pid()")

    async def wait(found: list[int]) -> None:
        async with alone.transaction() as connection:
            found.append(int(await connection.scalar(pid) or 0))
            await connection.execute(text("SELECT pg_sleep(10)"))

    found: list[int] = []
    task = asyncio.create_task(wait(found))
    while not found:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with alone.transaction() as connection:
        assert await connection.scalar(pid) not in found
    await alone.close()


async def _read_pid(database: Database, *, ends: bool = False) -> int:
    """Return whose connection a transaction has, which may lose it before its last statement."""
    async with database.transaction() as connection:
        pid = int(await connection.scalar(text("SELECT pg_backend_pid()")) or 0)
        if ends:
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            await connection.execute(text("SELECT 1"))
        return pid


async def test_a_lost_connection_is_reported_and_replaced(database: Database) -> None:
    alone = Database(database.url.render_as_string(hide_password=False), connections_max=1)
    async with alone.autocommit() as connection:
        lost = await connection.scalar(text("SELECT pg_backend_pid()"))
    async with database.autocommit() as other:
        await other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": lost})
    with pytest.raises(Unavailable, match="repeat the request"):
        await _read_pid(alone)
    assert await _read_pid(alone) != lost
    with pytest.raises(PendingRollbackError):
        await _read_pid(alone, ends=True)
    assert await _read_pid(alone)
    await alone.close()


async def test_who_listens_hears_every_statement(database: Database) -> None:
    heard: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        async with database.transaction() as connection:
            assert await connection.scalar(text("SELECT 42")) == 42
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert heard == ["SELECT 42"]


async def test_an_insert_of_the_tables_is_executed_directly(database: Database) -> None:
    """Not one of the product's tables has values that Python would have to make."""
    assert not [
        f"{table.name}.{each.name}"
        for table in policies.metadata.tables.values()
        for each in table.columns
        if each.default is not None or each.onupdate is not None
    ]
    row = insert(limits).from_select(["name"], select(literal("x")).where(literal(False)))
    async with database.transaction() as connection:
        assert isinstance(connection, DirectConnection)
        assert isinstance(await connection.execute(row), DirectResult)
