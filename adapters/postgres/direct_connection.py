"""
Statements handed to the driver itself.

SQLAlchemy compiles a statement once, and its execution of it costs a process several times what the driver takes. A
`DirectConnection` compiles by SQLAlchemy, converts values and rows by its types, and leaves the rest out. What it does
not know (many rows at once, streams, raw SQL), and any connection that somebody listens to, goes the usual way.
"""

from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Connection, Delete, Executable, Insert, Select, TextClause, Update
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.compiler import ExpandedState, SQLCompiler
from sqlalchemy.util import LRUCache

Processor = Callable[[Any], Any]
# Of which the compiler says all that is needed; compound ones and others are rare.
_KNOWN = (TextClause, Select, Insert, Update, Delete)
# It only compiles: with places that are numbered, as the server has them, the driver need not look for names.
_DIALECT = PGDialectAsync_psycopg(
    paramstyle="numeric_dollar", dbapi=PGDialectAsync_psycopg.import_dbapi()
)
_HANDED_OVER = (psycopg.Error, CancelledError, KeyboardInterrupt, SystemExit)
_COMPILED: LRUCache[Any, Any] = LRUCache(1000)


class DirectResult(IteratorResult[Any]):
    """What a statement returned, all of it read; `rowcount` is how many rows it found or changed."""

    rowcount: int


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the values of one text of a compiled statement are put in, by the names of their places."""

    text: bytes
    places: tuple[str, ...]
    # The names of the places that the values of a list have.
    lists: Mapping[str, Sequence[str]]
    processors: Mapping[str, Processor]


@dataclass(slots=True)
class _Plan:
    """What is known of a compiled statement; a list of other length is another text."""

    shapes: dict[tuple[int, ...], _Shape] = field(default_factory=dict)
    metadata: dict[tuple[str, ...], SimpleResultMetaData] = field(default_factory=dict)


_PLANS: WeakKeyDictionary[SQLCompiler, _Plan] = WeakKeyDictionary()


class DirectConnection(AsyncConnection):
    """
    A connection of a pool, `open` for a transaction, or to commit each statement. What it returns of a statement is a
    DirectResult where it executes that itself.
    """

    async def open(self, *, autocommit: bool) -> None:
        await self.start()
        sync = cast(Connection, self.sync_connection)
        driver = sync.connection.driver_connection
        # A pooled one is as it was used last.
        if driver.autocommit is not autocommit:
            await driver.set_autocommit(autocommit)
        if not autocommit:
            sync.begin()

    async def close_in_any_case(self) -> None:
        """Give it back, also while this task is cancelled; what is not committed is rolled back."""
        if self.sync_connection is not None:
            await self.__aexit__(None, None, None)

    async def execute(
        self, statement: Executable, parameters: Any = None, *, execution_options: Any = None
    ) -> Any:
        driver = None if execution_options else self._find_driver()
        compiled = None
        if driver is not None and isinstance(statement, _KNOWN):
            given = parameters or {}
            compiled, values = (
                _compile(statement, given) if isinstance(given, Mapping) else (None, {})
            )
        if driver is None or compiled is None:
            return await super().execute(statement, parameters, execution_options=execution_options)
        plan = _PLANS.setdefault(compiled, _Plan())
        shape = _find_shape(compiled, plan, values)
        cursor = psycopg.AsyncRawCursor(driver)
        try:
            await cursor.execute(shape.text, _put_in(shape, values))
            return await _read(cursor, compiled, plan)
        except _HANDED_OVER as error:
            await self.run_sync(_hand_over, error, compiled.string)
            raise

    def _find_driver(self) -> psycopg.AsyncConnection[Any] | None:
        """Return the driver's connection while its transaction, if it has one, goes well; None is SQLAlchemy's case."""
        sync = self.sync_connection
        if sync is None or sync.closed or sync.invalidated:
            return None
        if sync.dispatch.before_cursor_execute:
            return None
        driver: psycopg.AsyncConnection[Any] = sync.connection.driver_connection
        outer, inner = sync.get_transaction(), sync.get_nested_transaction()
        if outer is None:
            return driver if driver.autocommit else None
        return driver if outer.is_active and (inner is None or inner.is_active) else None


@asynccontextmanager
async def begin_directly(engine: AsyncEngine) -> AsyncIterator[DirectConnection]:
    """Open a transaction: commit at the end of the block, roll back on any error."""
    connection = DirectConnection(engine)
    try:
        await connection.open(autocommit=False)
        yield connection
        await connection.run_sync(_commit_and_close)
    except BaseException:
        await connection.close_in_any_case()
        raise


@asynccontextmanager
async def connect_directly(engine: AsyncEngine) -> AsyncIterator[DirectConnection]:
    """Open a connection on which each statement is a transaction."""
    connection = DirectConnection(engine)
    try:
        await connection.open(autocommit=True)
        yield connection
        await connection.close()
    except BaseException:
        await connection.close_in_any_case()
        raise


def _commit_and_close(sync: Connection) -> None:
    """In one go, which costs half as much as in two."""
    sync.commit()
    sync.close()


def _compile(
    statement: Any, parameters: Mapping[str, Any]
) -> tuple[SQLCompiler | None, Mapping[str, Any]]:
    """Return a statement as compiled for its kind, and its values; None for what only SQLAlchemy can execute."""
    compiled, extracted, collected, _ = statement._compile_w_cache(
        _DIALECT, compiled_cache=_COMPILED, column_keys=sorted(parameters)
    )
    if compiled.literal_execute_params or compiled.insert_prefetch or compiled.update_prefetch:
        return None, {}
    values = compiled.construct_params(
        parameters or None,
        extracted_parameters=extracted,
        escape_names=False,
        _collected_params=collected,
    )
    return compiled, values


def _find_shape(compiled: SQLCompiler, plan: _Plan, values: Mapping[str, Any]) -> _Shape:
    """Return the text for lists of these lengths: each of their values has a place of its own."""
    if not compiled.post_compile_params:
        lengths: tuple[int, ...] = ()
    else:
        lists = (values[compiled.bind_names[each]] for each in compiled.post_compile_params)
        lengths = tuple(map(len, lists))
    shape = plan.shapes.get(lengths)
    if shape is None:
        shape = plan.shapes[lengths] = _make_shape(compiled, values)
    return shape


def _make_shape(compiled: SQLCompiler, values: Mapping[str, Any]) -> _Shape:
    processors: dict[str, Any] = dict(compiled._bind_processors)
    if not compiled.post_compile_params:
        places = tuple(compiled.positiontup or ())
        return _Shape(compiled.string.encode(), places, {}, processors)
    expanded: ExpandedState = compiled._process_parameters_for_postcompile(dict(values))
    processors |= expanded.processors
    places = tuple(expanded.positiontup or ())
    return _Shape(expanded.statement.encode(), places, expanded.parameter_expansion, processors)


def _put_in(shape: _Shape, values: Mapping[str, Any]) -> list[Any]:
    """Return the values in the order of their places, as the driver takes them."""
    if shape.lists:
        values = dict(values)
        for name, places in shape.lists.items():
            values |= zip(places, values[name], strict=True)
    convert = shape.processors
    return [
        convert[place](values[place]) if place in convert else values[place]
        for place in shape.places
    ]


async def _read(
    cursor: psycopg.AsyncRawCursor[Any], compiled: SQLCompiler, plan: _Plan
) -> DirectResult:
    answered = cursor.pgresult
    # Not by the cursor's description, which takes as long as asking.
    count = answered.nfields if answered else 0
    names = tuple([answered.fname(place) for place in range(count)]) if answered else ()
    metadata = plan.metadata.get(names)
    if metadata is None:
        metadata = plan.metadata[names] = _describe(compiled, cursor.description or [])
    result = DirectResult(metadata, iter(await cursor.fetchall() if count else []))
    result.rowcount = cursor.rowcount
    return result


def _describe(compiled: SQLCompiler, described: Sequence[psycopg.Column]) -> SimpleResultMetaData:
    """Return names and conversions of the columns as the statement has them, or else as the server does."""
    columns = compiled._result_columns
    if len(columns) != len(described):
        return _name_columns([column.name for column in described])
    convert = [
        column.type._cached_result_processor(_DIALECT, said.type_code)
        for column, said in zip(columns, described, strict=True)
    ]
    extra = [column.objects for column in columns]
    return _name_columns([column.keyname for column in columns], extra, convert)


def _name_columns(
    keys: Sequence[str], extra: Any = None, convert: Any = None
) -> SimpleResultMetaData:
    twice = frozenset(key for key in keys if keys.count(key) > 1)
    return SimpleResultMetaData(keys, extra, convert, _ambiguous_keys=twice)


def _hand_over(sync: Connection, error: BaseException, text: str) -> NoReturn:
    """Let SQLAlchemy say what an error is, and drop a connection that was lost or whose statement was cancelled."""
    try:
        raise error
    except _HANDED_OVER as raised:
        sync._handle_dbapi_exception(raised, text, None, None, None)
