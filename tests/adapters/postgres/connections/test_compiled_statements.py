"""What is handed to the driver itself answers what SQLAlchemy answers."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

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
    func,
    literal,
    null,
    select,
    text,
    tuple_,
    values,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.connections.compiled_statements import DirectResult
from adapters.postgres.connections.direct_connection import DirectConnection
from adapters.postgres.database import Database
from adapters.postgres.tables import limits, policies


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


async def test_what_the_compiler_alone_does_not_say_is_executed_by_sqlalchemy(
    database: Database,
) -> None:
    pairs = _NAMED.where(tuple_(_ROWS.c.id, _ROWS.c.name).in_([(1, "one"), (2, "three")]))
    async with database.transaction() as connection:
        result = await connection.execute(pairs)
        assert not isinstance(result, DirectResult)
        assert result.scalars().all() == [1]
        both = _NAMED.with_only_columns(_ROWS.c.id).order_by(None)
        result = await connection.execute(both.union_all(both))
        assert len(result.all()) == 8
