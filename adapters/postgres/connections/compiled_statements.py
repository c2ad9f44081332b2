"""
Statements as the driver takes them: SQLAlchemy compiles each once, and says by its types how values are converted on
the way to the server and back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Delete, Executable, Insert, Select, TextClause, Update
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import LRUCache

Values = Mapping[str, Any]
# Of which the compiler says all that is needed; compound ones and others are rare.
_KNOWN = (TextClause, Select, Insert, Update, Delete)
# It only compiles: with places that are numbered, as the server has them, the driver need not look for names.
_Dialect: Any = PGDialectAsync_psycopg
_DIALECT = _Dialect(paramstyle="numeric_dollar", dbapi=_Dialect.import_dbapi())
_COMPILED: LRUCache[Any, Any] = LRUCache(1000)
_SHAPES_MAX = 50


class DirectResult(IteratorResult[Any]):
    """What a statement returned, all of it read; `rowcount` is how many rows it found or changed."""

    rowcount: int


@dataclass(frozen=True, slots=True)
class Shape:
    """One text of a compiled statement, and how values are put in, by the names of their places."""

    text: bytes
    places: tuple[str, ...]
    # The names of the places that the values of a list have.
    lists: Mapping[str, Sequence[str]]
    processors: Mapping[str, Callable[[Any], Any]]

    def put_in(self, values: Values) -> list[Any]:
        """Return the values in the order of their places, as the driver takes them."""
        if self.lists:
            values = dict(values)
            for name, places in self.lists.items():
                values |= zip(places, values[name], strict=True)
        convert = self.processors
        return [
            convert[place](values[place]) if place in convert else values[place]
            for place in self.places
        ]


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """What is known of a kind of statement; a list of other length is another text."""

    compiled: SQLCompiler
    shapes: dict[tuple[int, ...], Shape] = field(default_factory=dict)
    metadata: dict[tuple[bytes | None, ...], SimpleResultMetaData] = field(default_factory=dict)

    def find_shape(self, values: Values) -> Shape:
        """Return the text for lists of these lengths: each of their values has a place of its own."""
        lists = self.compiled.post_compile_params
        names = self.compiled.bind_names
        lengths = tuple([len(values[names[each]]) for each in lists]) if lists else ()
        shape = self.shapes.get(lengths)
        if shape is None:
            shape = _make_shape(self.compiled, values)
            if len(self.shapes) < _SHAPES_MAX:
                self.shapes[lengths] = shape
        return shape

    async def read(self, cursor: psycopg.AsyncRawCursor[Any]) -> DirectResult:
        """Return what the server has answered."""
        answered = cursor.pgresult
        # Not by the cursor's description, which takes as long as asking.
        count = answered.nfields if answered else 0
        names = tuple([answered.fname(place) for place in range(count)]) if answered else ()
        metadata = self.metadata.get(names)
        if metadata is None:
            metadata = self.metadata[names] = _describe(self.compiled, cursor.description or [])
        result = DirectResult(metadata, iter(await cursor.fetchall() if count else []))
        result.rowcount = cursor.rowcount
        return result


_STATEMENTS: WeakKeyDictionary[SQLCompiler, CompiledStatement] = WeakKeyDictionary()


def compile_statement(
    statement: Executable, parameters: Any
) -> tuple[CompiledStatement, Values] | None:
    """Return a statement as compiled for its kind, and its values; None for what only SQLAlchemy can execute."""
    given = parameters or {}
    if not isinstance(statement, _KNOWN) or not isinstance(given, Mapping):
        return None
    compiled, extracted, collected, _ = statement._compile_w_cache(
        _DIALECT, compiled_cache=_COMPILED, column_keys=sorted(given)
    )
    assert isinstance(compiled, SQLCompiler)
    if compiled.literal_execute_params or compiled.insert_prefetch or compiled.update_prefetch:
        return None
    if any(each.type._is_tuple_type for each in compiled.post_compile_params):
        return None
    values = compiled.construct_params(
        given or None,
        extracted_parameters=extracted,
        escape_names=False,
        _collected_params=collected,
    )
    known = _STATEMENTS.get(compiled)
    if known is None:
        known = _STATEMENTS[compiled] = CompiledStatement(compiled)
    return known, values


def _make_shape(compiled: SQLCompiler, values: Values) -> Shape:
    processors: dict[str, Any] = dict(compiled._bind_processors)
    if not compiled.post_compile_params:
        places = tuple(compiled.positiontup or ())
        return Shape(compiled.string.encode(), places, {}, processors)
    expanded = compiled._process_parameters_for_postcompile(dict(values))
    processors |= expanded.processors
    places = tuple(expanded.positiontup or ())
    return Shape(expanded.statement.encode(), places, expanded.parameter_expansion, processors)


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
