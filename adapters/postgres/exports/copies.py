"""
Copies: rows that PostgreSQL writes out as fast as they are read, and no faster.

COPY sends one message a row, already written. Nothing more is asked of the server until the caller takes the
next block, so neither side keeps more than a few of them, however many rows there are.
"""

from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, cast

import psycopg
from sqlalchemy import Select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import Unavailable
from domain.exports.datasets import ExportFormat

BLOCK_BYTES = 64 * 1024
# JSON escapes these two letters, so no object has one, and none is quoted.
_OBJECTS = "FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02', ENCODING 'UTF8'"
_OPTIONS = {
    ExportFormat.CSV: "FORMAT csv, ENCODING 'UTF8'",
    ExportFormat.JSON: _OBJECTS,
    ExportFormat.NDJSON: _OBJECTS,
}
_DIALECT = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]


async def stream_rows(
    connection: AsyncConnection, statement: Select[Any], form: ExportFormat
) -> AsyncGenerator[list[bytes]]:
    """
    Yield the rows of a statement in blocks, each without the end of its line.

    Whoever stops in the middle loses the connection: what the server has not sent is not waited for.
    """
    raw = await connection.get_raw_connection()
    driver = cast("psycopg.AsyncConnection[Any]", raw.driver_connection)
    try:
        async with driver.cursor() as cursor, cursor.copy(_write(driver, statement, form)) as copy:
            block, size = list[bytes](), 0
            while row := await copy.read():
                block.append(bytes(row[:-1]))
                size += len(row)
                if size >= BLOCK_BYTES:
                    yield block
                    block, size = [], 0
            if block:
                yield block
    except BaseException as error:
        # Whoever is cancelled may not wait: the server is told so, and the connection is given up.
        with suppress(psycopg.Error):
            driver.cancel()
        await connection.invalidate()
        if isinstance(error, psycopg.OperationalError):
            raise Unavailable("the database does not answer; repeat the request") from error
        raise


def _write(
    driver: "psycopg.AsyncConnection[Any]", statement: Select[Any], form: ExportFormat
) -> bytes:
    """Return the command with its parameters in it, because COPY takes none; the driver quotes them."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    command = f"COPY ({compiled}) TO STDOUT ({_OPTIONS[form]})"
    return psycopg.AsyncClientCursor(driver).mogrify(command, compiled.params).encode()
