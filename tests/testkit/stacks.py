"""
Every stack and every database of the suite is made here.

A cluster is made once a run, with the product's database at the newest migration, and copied for
each stack; a database beside it is a copy of a template that is migrated once a server.
"""

import asyncio
import fcntl
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from adapters.postgres.database import Database
from adapters.postgres.sla.agreements.agreements import add_agreement
from devstack.environment import keypairs
from devstack.environment.postgres import Postgres
from devstack.environment.stack import Stack
from devstack.environment.stack_options import StackOptions
from devstack.processes.ports import free
from devstack.processes.supervisor import Supervisor
from domain.sla.agreements.agreements import Agreement
from migrations.run import upgrade
from tests.testkit.recovery.relay_holder import hold_relay

TEMPLATE = "template_at_head"
# The advisory lock while the template of a server is made: two tests may need the first copy at once.
MAKING = 0x54504C
# What this process has started, and not stopped yet.
RUNNING: list[Stack] = []


@dataclass(frozen=True)
class Stacks:
    """Starts stacks, each on a copy of the cluster kept in `folder`."""

    folder: Path

    @asynccontextmanager
    async def start(
        self,
        directory: Path,
        *,
        ledger_seconds: float = 0.25,
        signs: bool = True,
        durable: bool = False,
        relays: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Stack]:
        """
        Run a stack until the block ends; `durable` makes and keeps its database as users do. Without
        `relays` no payment is touched whose workflow does not run: tests take its steps themselves.
        """
        if not durable:
            await self._copy_cluster(directory)
            keypairs.write(directory / "stellar-keys.json")
        options = StackOptions(
            directory,
            free(),
            ledger_seconds=ledger_seconds,
            signs=signs,
            durable=durable,
            forks=True,
            settings=dict(settings or {}),
        )
        stack = Stack(options)
        await stack.start()
        RUNNING.append(stack)
        try:
            async with nullcontext() if relays else hold_relay(stack.environment["DATABASE_URL"]):
                yield stack
        finally:
            RUNNING.remove(stack)
            await stack.stop()

    @asynccontextmanager
    async def start_postgres(self, directory: Path) -> AsyncIterator[str]:
        """Run a PostgreSQL server of its own until the block ends; yield the URL of its database."""
        await asyncio.to_thread(directory.mkdir, parents=True)
        postgres = Postgres(directory, free(), durable=False)
        supervisor = Supervisor(directory / "logs", print)
        await postgres.make()
        await supervisor.start(postgres.program())
        try:
            await postgres.make_database()
            yield postgres.url
        finally:
            await supervisor.stop(["postgres"])

    async def _copy_cluster(self, directory: Path) -> None:
        with _lock(self.folder / "lock"):
            made = self.folder / "made"
            if not made.exists():
                await _make_cluster(self.folder)
                made.touch()
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        kept, wanted = Postgres(self.folder, 0), Postgres(directory, 0)
        # With its owner, who is another user where root runs the suite.
        for source, target in (
            (kept.cluster, wanted.cluster),
            (self.folder / "postgres-password", directory / "postgres-password"),
        ):
            command = ["cp", "-a", str(source), str(target)]
            await asyncio.to_thread(subprocess.run, command, check=True)


async def _make_cluster(folder: Path) -> None:
    postgres = Postgres(folder, free(), durable=False)
    supervisor = Supervisor(folder / "logs", print)
    await postgres.make()
    await supervisor.start(postgres.program())
    try:
        await postgres.make_database()
        await asyncio.to_thread(upgrade, postgres.url, postgres.application_url)
        await asyncio.to_thread(make_template, postgres.url)
    finally:
        await supervisor.stop(["postgres"])


@contextmanager
def create_scratch_database(server_url: str) -> Iterator[str]:
    """Yield the URL of a new database beside another, at the newest migration; it is dropped at the end."""
    name = _create_database(server_url)
    try:
        yield _replace_database(server_url, name)
    finally:
        _drop_database(server_url, name)


@asynccontextmanager
async def hold_scratch_database(server_url: str) -> AsyncIterator[str]:
    """
    Do the same while the event loop goes on. The server creates and drops a database only when each of its
    sessions has noticed, and one that is logging in notices afterwards: if its client is on a loop that waits
    here, they wait for each other until the time to log in is over, which is a minute.
    """
    name = await asyncio.to_thread(_create_database, server_url)
    try:
        yield _replace_database(server_url, name)
    finally:
        await asyncio.to_thread(_drop_database, server_url, name)


NOBODY = Agreement("default", "GBOND", "GPOOL", "GPROVIDER", "GBENEFICIARY")


@asynccontextmanager
async def open_scratch_database(
    server_url: str, agreement: Agreement = NOBODY
) -> AsyncIterator[Database]:
    """Open a scratch database with an agreement, of parties that exist on no chain unless it is said."""
    async with hold_scratch_database(server_url) as url:
        database = Database(url, connections_max=12)
        try:
            async with database.transaction() as connection:
                await add_agreement(connection, agreement)
            yield database
        finally:
            await database.close()


def make_template(server_url: str) -> None:
    """Make the database that others are copies of, unless this server has it."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        known = "SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate"
        connection.execute("SELECT pg_advisory_lock(%s)", [MAKING])
        if connection.execute(known, [TEMPLATE]).fetchone() is None:
            connection.execute(f'DROP DATABASE IF EXISTS "{TEMPLATE}"'.encode())
            connection.execute(f'CREATE DATABASE "{TEMPLATE}"'.encode())
            upgrade(_replace_database(server_url, TEMPLATE))
            # Only now, so that an interrupted template is made again.
            connection.execute(f'ALTER DATABASE "{TEMPLATE}" IS_TEMPLATE true'.encode())


def _create_database(server_url: str) -> str:
    make_template(server_url)
    name = f"scratch_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        # By files: through the log, as PostgreSQL does unless it is told, costs three times as much.
        copy = f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY FILE_COPY'
        connection.execute(copy.encode())
        # Nothing here is worth a flush to disk; it only has to be consistent.
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    return name


def _drop_database(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _replace_database(server_url: str, name: str) -> str:
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One process of the suite at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
