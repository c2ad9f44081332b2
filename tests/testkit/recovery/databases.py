"""Databases that a test backs up, loses and restores, on the server of a stack."""

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from adapters.postgres.database import Database
from adapters.postgres.recovery import restorations
from devstack.environment.postgres_binaries import find_binary
from domain.recovery.restorations import Restoration
from tests.testkit import stacks


@contextmanager
def create_lost_database(server_url: str) -> Iterator[str]:
    """Yield the URL of a new database; at the end it goes, with all that was made beside it."""
    stacks.make_template(server_url)
    name = f"rec_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        copy = f'CREATE DATABASE "{name}" TEMPLATE "{stacks.TEMPLATE}" STRATEGY FILE_COPY'
        connection.execute(copy.encode())
    try:
        yield name_other(server_url, name)
    finally:
        for each in list_databases(server_url, name):
            drop_database(server_url, each)


async def record_restoration(database: Database, at: datetime) -> None:
    """Let a database say of itself that it was restored, as `restore` does."""
    async with database.transaction() as connection:
        await restorations.add(connection, Restoration(at, at, "aa" * 32, None, None))


def list_databases(server_url: str, start: str) -> list[str]:
    """Return the databases whose names begin so."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1", [start]
        )
        return [str(name) for (name,) in found.fetchall()]


def drop_database(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def name_other(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def get_name(url: str) -> str:
    return str(make_url(url).database)


def read_value(url: str, query: str) -> object:
    """Return the one value that a query of a database answers."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def make_tools(folder: Path, **scripts: str) -> Path:
    """
    Make a folder of pg_dump and pg_restore: the real ones, or a shell script in the place of one, in
    which REAL stands for the program that it replaces.
    """
    folder.mkdir(exist_ok=True)
    for name in ("pg_dump", "pg_restore"):
        real = find_binary(name)
        path = folder / name
        script = scripts.get(name)
        if script is None:
            path.unlink(missing_ok=True)
            path.symlink_to(real)
            continue
        shell = shutil.which("sh") or "/bin/sh"
        # Whoever asks for the version is told the truth.
        version = f'case "$1" in --version) exec {real} --version;; esac'
        path.write_text(f"#!{shell}\n{version}\n{script.replace('REAL', str(real))}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder
