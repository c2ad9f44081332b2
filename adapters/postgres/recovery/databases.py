"""
The databases of a server, as seen from its maintenance database: one is made, filled and proven beside
the one in use, and takes its place by two renames in one transaction. None is deleted but those that a
restore left unfinished, or that were made for a trial.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database, make_dialect_url
from domain.errors import Conflict, Refused

MAINTENANCE = "postgres"
# PostgreSQL cuts off what is longer.
NAME_BYTES_MAX = 63
# The end of the name of an unfinished database: what it is made for, and eight random digits.
UNFINISHED = "_(restoring|rehearsal)_[0-9a-f]{8}$"
SUFFIX = "_restoring_01234567"
LOCK = 0x41504552  # "APER"
TRANSACTIONS_A_CALL = 100_000
_IN_USE, _DENIED = "55006", "42501"


def open_maintenance(url: str) -> tuple[Database, str]:
    """Open the maintenance database of a server, and return it with the name of the database at `url`."""
    parsed = make_dialect_url(url)
    name = parsed.database or parsed.username or ""
    return Database(_render(parsed.set(database=MAINTENANCE)), connections_max=3), name


def open_database(beside: Database, name: str) -> Database:
    """Open a database of the same server, as the same user."""
    return Database(_render(beside.engine.url.set(database=name)), connections_max=2)


def _render(url: URL) -> str:
    return url.render_as_string(hide_password=False)


async def has_database(connection: AsyncConnection, name: str) -> bool:
    known = text("SELECT EXISTS (SELECT FROM pg_database WHERE datname = :name)")
    return bool(await connection.scalar(known, {"name": name}))


async def count_sessions(connection: AsyncConnection, name: str) -> int:
    """Return how many clients are connected to a database, besides this connection."""
    found = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    return int(await connection.scalar(found, {"name": name}) or 0)


async def lock(connection: AsyncConnection) -> None:
    """Keep other restores of this server out for as long as the connection lasts; raises Conflict."""
    taken = text("SELECT pg_try_advisory_lock(:key)")
    if not await connection.scalar(taken, {"key": LOCK}):
        raise Conflict("another restore is at work on this server: wait until it has ended")


async def create_unfinished(connection: AsyncConnection, name: str, purpose: str) -> str:
    """Create an empty database beside another, and return its name, which no earlier one had."""
    made = _shorten(name, f"_{purpose}_{token_hex(4)}")
    await connection.execute(text("SET statement_timeout = '300s'"))
    with _explain(name):
        await connection.execute(
            text(f"CREATE DATABASE {_quote(connection, made)} TEMPLATE template0 ENCODING 'UTF8'")
        )
    return made


async def drop_unfinished(connection: AsyncConnection, name: str) -> None:
    """Drop what a restore of a database left unfinished, and end whatever is still writing there."""
    left = text(
        "SELECT datname FROM pg_database WHERE datname ~ :pattern AND starts_with(datname, :start)"
    )
    start = _shorten(name, SUFFIX).removesuffix(SUFFIX)
    wanted = {"pattern": UNFINISHED, "start": f"{start}_"}
    for each in list(await connection.scalars(left, wanted)):
        await connection.execute(text(f"DROP DATABASE {_quote(connection, each)} WITH (FORCE)"))


async def replace_database(
    connection: AsyncConnection, name: str, unfinished: str, kept: str | None
) -> None:
    """Give a finished database its name, after the one that had it was renamed to `kept`, in one transaction."""
    with _explain(name):
        if kept is not None:
            await connection.execute(
                text(
                    f"ALTER DATABASE {_quote(connection, name)} RENAME TO {_quote(connection, kept)}"
                )
            )
        await connection.execute(
            text(
                f"ALTER DATABASE {_quote(connection, unfinished)} RENAME TO {_quote(connection, name)}"
            )
        )


def name_replaced(name: str, stamp: str) -> str:
    """Return the name under which a replaced database is kept."""
    return _shorten(name, f"_replaced_{stamp}")


async def get_server_id(connection: AsyncConnection) -> str:
    """Return the identity of the server's files: a new server, or one made anew, has another."""
    found = text("SELECT system_identifier::text FROM pg_control_system()")
    return str(await connection.scalar(found))


async def get_next_transaction(connection: AsyncConnection) -> int:
    found = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    return int(await connection.scalar(found) or 0)


async def advance_transactions(connection: AsyncConnection, until: int) -> None:
    """
    Use up transaction ids of the server until it gives ids from `until` on; autocommit only.

    The event feed is ordered by them: events restored into a server whose ids are lower would be hidden
    until it reaches theirs, and readers would wait there with their cursors.
    """
    await connection.execute(text("SET statement_timeout = '300s'"))
    while (left := until - await get_next_transaction(connection)) > 0:
        count = min(left, TRANSACTIONS_A_CALL)
        await connection.execute(
            text(
                f"DO $$ BEGIN FOR i IN 1..{count} LOOP"
                " PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
            )
        )


def _shorten(name: str, suffix: str) -> str:
    kept = name.encode()[: NAME_BYTES_MAX - len(suffix.encode())].decode(errors="ignore")
    return kept + suffix


def _quote(connection: AsyncConnection, name: str) -> str:
    quoted = connection.dialect.identifier_preparer.quote_identifier(name)
    return quoted.replace(":", r"\:")


@contextmanager
def _explain(name: str) -> Iterator[None]:
    """Say what a person has to do about a refusal of the server."""
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state == _IN_USE:
            raise Conflict(
                f"the database {name!r} is in use: stop the API, the workers and whatever else is connected"
                " to it, then repeat the command"
            ) from None
        if state == _DENIED:
            raise Refused(
                "the user of DATABASE_URL may not create or rename databases: give it CREATEDB and the"
                f" ownership of {name!r}, or name another user"
            ) from None
        raise


async def analyze(connection: AsyncConnection) -> None:
    """Gather statistics, which a dump does not have: without them the first queries read whole tables."""
    await connection.execute(text("SET statement_timeout = 0"))
    await connection.execute(text("ANALYZE"))
