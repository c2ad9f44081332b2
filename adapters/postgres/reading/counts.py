"""Counts that do not scan: exact up to a bound, and the planner's estimate beyond it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, Executable

# As many rows as are counted one by one.
COUNTED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows there are, or about how many."""

    count: int
    is_estimated: bool = False


class Explanation(Executable, ClauseElement):
    """The plan of a statement, with its values, as JSON."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(Explanation)
def _render_explanation(element: Explanation, compiler: SQLCompiler, **options: Any) -> str:
    return "EXPLAIN (FORMAT JSON) " + compiler.process(element.statement, **options)


async def count_rows(
    connection: AsyncConnection, table: FromClause, conditions: Sequence[ColumnElement[bool]]
) -> Total:
    """Count what fulfils all conditions; more than the bound is estimated, and never less than the bound."""
    one: ColumnElement[int] = literal_column("1")
    every = select(one).select_from(table).where(*conditions)
    some = every.limit(COUNTED_MAX + 1).subquery()
    counted = await connection.scalar(select(func.count()).select_from(some)) or 0
    if counted <= COUNTED_MAX:
        return Total(counted)
    plan: Any = await connection.scalar(Explanation(every))
    return Total(max(int(plan[0]["Plan"]["Plan Rows"]), counted), is_estimated=True)
