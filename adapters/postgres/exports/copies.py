"""
Copies: rows that PostgreSQL writes out as fast as they are read, and no faster.

COPY sends one message a row, already written. Rows that have come are taken without waiting for each; nothing more
is asked of the server until the caller takes the next block, so neither side keeps more than a few of them.
"""

from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, cast

import psycopg
from psycopg import generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Wait
from sqlalchemy import Select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import Unavailable
from domain.exports.datasets import ExportFormat

BLOCK_BYTES = 256 * 1024
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
        async with driver.cursor() as cursor, cursor.copy(_write(driver, statement, form)):
            ended = False
            while not ended:
                block, ended = await driver.wait(_take_block(driver.pgconn))
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


def _take_block(server: PGconn) -> PQGen[tuple[list[bytes], bool]]:
    """Return the next rows, and whether they are the last; a row at a time would be waited for a million times."""
    rows, size = list[bytes](), 0
    while size < BLOCK_BYTES:
        length, row = server.get_copy_data(1)
        if length > 0:
            rows.append(bytes(row[:-1]))
            size += length
        elif length == 0:  # nothing that has come is left
            while not (yield Wait.R):
                pass
            server.consume_input()
        else:
            for result in (yield from generators.fetch_many(server)):
                if result.status != ExecStatus.COMMAND_OK:
                    raise psycopg.errors.error_from_result(result)
            return rows, True
    return rows, False


def _write(
    driver: "psycopg.AsyncConnection[Any]", statement: Select[Any], form: ExportFormat
) -> bytes:
    """Return the command with its parameters in it, because COPY takes none; the driver quotes them."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    command = f"COPY ({compiled}) TO STDOUT ({_OPTIONS[form]})"
    return psycopg.AsyncClientCursor(driver).mogrify(command, compiled.params).encode()
