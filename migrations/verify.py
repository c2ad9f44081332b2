"""
Compare a database with what its build would make, to the last constraint, function and trigger.

The build's migrations are run beside it, into a schema that only this transaction sees, and that it takes
back; PostgreSQL then describes both in its own words. Nothing of the database is changed or locked.
"""

import re
from collections.abc import Iterator

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from adapters.postgres.database import make_dialect_url
from migrations.grants import RolesUnusable, connect, find_application, find_differences
from migrations.run import make_config, read_revision

REFERENCE = "apexchainx_reference"
_OURS = "c.relnamespace = CAST(:schema AS regnamespace)"
# Each row is a kind of thing, its name, and what it is; both schemas are read as the only one in the path.
_PARTS = (
    f"""
    SELECT 'table', relname, coalesce(array_to_string(reloptions, ', '), '') FROM pg_class c
    WHERE {_OURS} AND relkind IN ('r', 'v', 'm', 'p')
    """,
    f"""
    SELECT 'column', c.relname || '.' || attname, concat_ws(' ', format_type(atttypid, atttypmod),
        CASE WHEN attnotnull THEN 'not null' END, nullif(attidentity::text, ''),
        nullif(attgenerated::text, ''), pg_get_expr(adbin, adrelid))
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE {_OURS} AND relkind IN ('r', 'v', 'm', 'p') AND attnum > 0 AND NOT attisdropped
    """,
    f"""
    SELECT 'constraint', c.relname || '.' || conname, pg_get_constraintdef(k.oid, true)
    FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid WHERE {_OURS} AND contype <> 't'
    """,
    f"""
    SELECT 'index', c.relname, pg_get_indexdef(c.oid, 0, true) FROM pg_class c
    WHERE {_OURS} AND relkind = 'i'
    """,
    f"""
    SELECT 'trigger', c.relname || '.' || tgname, pg_get_triggerdef(t.oid, true) || ' ' || tgenabled::text
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE {_OURS} AND NOT tgisinternal
    """,
    """
    SELECT 'function', proname, concat_ws(' ', pg_get_function_arguments(c.oid), prosrc,
        replace(proconfig::text, quote_ident(:schema), 'public'), prosecdef::text)
    FROM pg_proc c WHERE pronamespace = CAST(:schema AS regnamespace)
    """,
    f"SELECT 'sequence', relname, '' FROM pg_class c WHERE {_OURS} AND relkind = 'S'",
)
_CASTS = re.compile(r"::(character varying|text)(\[\])?|[()]")
Parts = dict[tuple[str, str], str]


def verify(owner_url: str, application_url: str | None = None) -> list[str]:
    """
    Return a line for each difference; none when the database is as this build makes it.

    Raises RolesUnusable when the user may not create the schema to compare with.
    """
    lines = list(_compare_revisions(owner_url))
    engine = create_engine(make_dialect_url(owner_url))
    try:
        with engine.connect() as connection:
            lines += _compare_parts(connection)
            connection.rollback()
    finally:
        engine.dispose()
    if (application := find_application(owner_url, application_url)) is not None:
        with connect(make_dialect_url(owner_url)) as asking:
            lines += find_differences(asking, application.username or "")
    return lines


def _compare_revisions(url: str) -> Iterator[str]:
    found = read_revision(url)
    newest = ScriptDirectory.from_config(make_config(url)).get_current_head()
    if found != newest:
        yield f"revision: the database is at {found or 'none'}, and this build at {newest}"


def _compare_parts(connection: Connection) -> Iterator[str]:
    schema = connection.scalar(text("SELECT current_schema()"))
    found = _read_parts(connection, schema)
    try:
        connection.execute(text(f"CREATE SCHEMA {REFERENCE}"))
    except DBAPIError as error:
        raise RolesUnusable(
            "the user may not create a schema to compare with: set DATABASE_OWNER_URL to the owner's"
        ) from error
    connection.execute(text(f"SET LOCAL search_path = {REFERENCE}"))
    context = MigrationContext.configure(connection)
    with Operations.context(context):
        for script in reversed(list(ScriptDirectory.from_config(make_config("")).walk_revisions())):
            script.module.upgrade()
    wanted = _read_parts(connection, REFERENCE)
    for kind, name in sorted({*wanted, *found}):
        has, should = found.get((kind, name)), wanted.get((kind, name))
        if has == should or name.startswith("alembic_version"):
            continue
        what = (
            "is missing" if has is None else "is not of this build" if should is None else "differs"
        )
        shown = (
            "" if has is None or should is None or kind == "function" else f": {has}, not {should}"
        )
        yield f"{kind} {name} {what}{shown}"


def _read_parts(connection: Connection, schema: str) -> Parts:
    """Describe a schema, with no other in the path, so that names in it are written without it."""
    quoted = connection.scalar(text("SELECT quote_ident(:name)"), {"name": schema})
    connection.execute(text(f"SET LOCAL search_path = {quoted}"))
    parts: Parts = {}
    for statement in _PARTS:
        rows = connection.execute(text(statement), {"schema": schema})
        parts |= {(str(kind), str(name)): _normalize(kind, str(what)) for kind, name, what in rows}
    return parts


def _normalize(kind: str, what: str) -> str:
    """A condition that was read back from a backup has its casts of texts in other places."""
    return _CASTS.sub("", what) if kind in ("constraint", "index") else what
