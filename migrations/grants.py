"""
What the application may do in the database: less than the owner, who made the tables.

Migrations, backups and restores run as the owner. The processes run as the application: it writes rows and
changes no table; it empties none; and what is only ever added to, it neither changes nor deletes, whoever
has taken over a process. A trigger refuses the same to everybody, and these privileges leave the trigger alone.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql
from sqlalchemy import Table
from sqlalchemy.engine import URL

from adapters.postgres.accounting.guard_digests import GUARDS
from adapters.postgres.database import make_dialect_url
from adapters.postgres.tables import metadata
from domain.errors import Stop

DELETE, UPDATE = 8, 16
# Of Alembic, and read by whoever wants to know which build made the database.
REVISIONS = "alembic_version"


class RolesUnusable(Stop):
    """The owner may not do what is needed, or the application may do too much."""


def list_privileges() -> dict[str, frozenset[str]]:
    """Return what the application may do to each table."""
    wanted = {name: _choose(table) for name, table in metadata.tables.items()}
    return wanted | {REVISIONS: frozenset({"SELECT"})}


def _choose(table: Table) -> frozenset[str]:
    refused = 0
    for name, _, function, occasion, _, conditional in GUARDS:
        if name == table.name and function == "refuse_change" and not conditional:
            refused |= occasion
    allowed = {"SELECT", "INSERT"}
    if not refused & UPDATE:
        allowed.add("UPDATE")
    if table.info.get("rows_are_deleted"):
        assert not refused & DELETE, f"a guard refuses what {table.name} says of itself"
        allowed.add("DELETE")
    return frozenset(allowed)


def find_application(owner_url: str, application_url: str | None) -> URL | None:
    """Return the URL of the application where it is another role than the owner, else None."""
    if application_url is None:
        return None
    application = make_dialect_url(application_url)
    return None if application.username == make_dialect_url(owner_url).username else application


def connect(url: URL) -> "psycopg.Connection[tuple[object, ...]]":
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, connect_timeout=10)


def grant_privileges(owner_url: str, application: URL) -> None:
    """
    Let the application do what it needs and nothing else; create its role if there is none, with the
    password of its URL. Safe to run again. Raises RolesUnusable, which says what to do.
    """
    owner, role = make_dialect_url(owner_url), application.username or ""
    if application.database != owner.database:
        raise RolesUnusable(
            f"DATABASE_URL names the database {application.database!r} and DATABASE_OWNER_URL "
            f"{owner.database!r}: they must name the same one"
        )
    with connect(owner) as connection:
        try:
            _ensure_role(connection, role, application.password)
            _grant(connection, role, owner.database or "")
        except psycopg.errors.InsufficientPrivilege as error:
            raise RolesUnusable(
                f"the owner in DATABASE_OWNER_URL may not set up the role {role!r} ({error.diag.message_primary}): "
                f"create it as an administrator with CREATE ROLE {role} LOGIN PASSWORD '...', and migrate again"
            ) from None


def _ensure_role(
    connection: "psycopg.Connection[tuple[object, ...]]", role: str, password: object
) -> None:
    known = connection.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = %s", [role]
    ).fetchone()
    if known == (True,):
        raise RolesUnusable(
            f"the role {role!r} of DATABASE_URL is a superuser, whom no privilege binds: name another one"
        )
    if known is None:
        # Encrypted here, so that the password stands in no log of the server.
        hidden = connection.pgconn.encrypt_password(
            str(password or "").encode(), role.encode(), b"scram-sha-256"
        ).decode()
        made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        connection.execute(made.format(sql.Identifier(role), sql.Literal(hidden)))


def _grant(connection: "psycopg.Connection[tuple[object, ...]]", role: str, database: str) -> None:
    name = sql.Identifier(role)
    statements = [
        # Whoever may make temporary tables could give one the name of ours.
        sql.SQL("REVOKE TEMPORARY, CREATE ON DATABASE {} FROM PUBLIC, {}").format(
            sql.Identifier(database), name
        ),
        sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {}").format(name),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), name),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name),
        sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name),
        *(_render(table, allowed, name) for table, allowed in list_privileges().items()),
    ]
    for statement in statements:
        connection.execute(statement)


def _render(table: str, allowed: frozenset[str], role: sql.Identifier) -> sql.Composed:
    words = sql.SQL(", ").join(sql.SQL(word) for word in sorted(allowed))
    return sql.SQL("GRANT {} ON {} TO {}").format(words, sql.Identifier(table), role)


def find_differences(connection: "psycopg.Connection[tuple[object, ...]]", role: str) -> list[str]:
    """Say which privileges the application has too many or too few of."""
    rows = connection.execute(
        "SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a"
        " JOIN pg_roles r ON r.oid = a.grantee"
        " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
        " AND r.rolname = %s",
        [role],
    )
    found: dict[str, set[str]] = {}
    for table, privilege in rows:
        found.setdefault(str(table), set()).add(str(privilege))
    return list(_compare(list_privileges(), found, role))


def _compare(
    wanted: Mapping[str, frozenset[str]], found: Mapping[str, set[str]], role: str
) -> list[str]:
    lines = []
    for table in sorted({*wanted, *found}):
        has, should = found.get(table, set()), wanted.get(table, frozenset())
        for words, what in ((should - has, "may not"), (has - should, "may")):
            if words:
                lines.append(f"privileges: {role} {what} {', '.join(sorted(words))} on {table}")
    return lines
