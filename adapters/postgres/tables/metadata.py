"""Parts that all tables share: names of constraints, the type of instants, PostgreSQL's transaction id."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, text
from sqlalchemy.types import UserDefinedType

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = sa.MetaData(naming_convention=NAMES)
Instant = sa.DateTime(timezone=True)
OPEN = text("status = 'open'")


class Xid8(UserDefinedType[str]):
    """The column type of the writing transaction's id, by which readers see rows in commit order without gaps."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "xid8"


def make_one_of(column: str, values: Iterable[StrEnum]) -> str:
    """Return the SQL condition that a column has one of these values, or NULL."""
    names = ", ".join(f"'{value}'" for value in sorted(values))
    return f"({column} IN ({names}))"


def make_xid_column() -> Column[str]:
    return Column("xid", Xid8(), nullable=False, server_default=text("pg_current_xact_id()"))
