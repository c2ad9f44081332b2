"""A real PostgreSQL 18 on loopback, from a wheel: made once, durable, also for root, also after a `kill -9`."""

import hashlib
import os
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path

import psycopg

from devstack.environment import placement
from devstack.environment.old_servers import wait_for_old_server
from devstack.environment.placement import give
from devstack.environment.postgres_binaries import (
    MAJOR,
    can_enter,
    find_binary,
    make_empty_directory,
    make_environment,
    read_major_version,
)
from devstack.processes.child_processes import Process
from devstack.processes.ports import LOOPBACK
from devstack.processes.programs import CannotStart, Program

DATABASE = "apexchainx"
OWNER = "apexchainx"
# What the processes are: it writes rows, and changes no table.
APPLICATION = "apexchainx_app"
# PostgreSQL refuses to run as root, and this account is on every Unix.
UNPRIVILEGED = "nobody"

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # no second way in, and no path too long for a socket
    "shared_buffers": "64MB",
    "max_connections": "100",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}
# For a cluster that nobody wants back after a power cut. A commit is still written out to the kernel, so
# whatever is killed, it is kept; only the kernel's own death would lose it. Its passwords are 24 random
# bytes, so nobody guesses them at any speed, and a login need not take milliseconds.
QUICK = {"fsync": "off", "full_page_writes": "off", "scram_iterations": "1"}
QUICK_INITDB = ("--no-sync", "--set", f"scram_iterations={QUICK['scram_iterations']}")


@dataclass(frozen=True)
class Postgres:
    """
    One cluster, in `directory`/postgres unless its user may not go there, serving on `port`; what is
    not `durable` is for tests.
    """

    directory: Path
    port: int
    durable: bool = True

    @property
    def cluster(self) -> Path:
        return self._folder / "postgres"

    @property
    def _folder(self) -> Path:
        return placement.find_data(self.directory)

    @property
    def url(self) -> str:
        return self._url(DATABASE)

    @property
    def application_url(self) -> str:
        """For the processes; its password follows from the owner's, so that there is no other file of it."""
        owners = self._password_file.read_bytes().strip()
        password = hashlib.sha256(APPLICATION.encode() + owners).hexdigest()[:32]
        return f"postgresql://{APPLICATION}:{password}@{LOOPBACK}:{self.port}/{DATABASE}"

    @property
    def user(self) -> str | None:
        return UNPRIVILEGED if os.geteuid() == 0 else None

    async def make(self) -> None:
        """Initialise the cluster unless it exists; refuse the one of another major version."""
        found = read_major_version(self.cluster)
        if found is None:
            if self._folder == self.directory and not await can_enter(self.user, self.directory):
                placement.move_data(self.directory)
            await self._initialise()
        elif found != MAJOR:
            raise CannotStart(
                f"{self.cluster} was made by PostgreSQL {found} and this is {MAJOR}: "
                "move it away, or name another --data-dir"
            )

    def program(self) -> Program:
        chosen = SETTINGS if self.durable else SETTINGS | QUICK
        settings = (f"--{name}={value}" for name, value in chosen.items())
        return Program(
            name="postgres",
            command=[
                *(str(find_binary("postgres")), "-D", str(self.cluster), f"--port={self.port}"),
                *settings,
            ],
            ready=self._serves,
            prepare=self._await_the_old_server,
            environment=make_environment(),
            user=self.user,
            stop_signal=signal.SIGINT,  # "fast": end the sessions, write everything out, leave
            # "Immediate": the postmaster takes its own children along before it goes.
            death_signal=signal.SIGQUIT,
        )

    async def make_database(self) -> None:
        url = self._url("postgres")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            known = await connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            )
            if await known.fetchone() is None:
                await connection.execute(f"CREATE DATABASE {DATABASE}".encode())

    @property
    def notices(self) -> list[str]:
        """What is kept where nobody would look for it."""
        if self._folder == self.directory:
            return []
        here = f"the database is kept in {self._folder}: {self.user!r}, who runs PostgreSQL, may not enter {self.directory}"
        orphans = placement.list_orphans(self.directory).items()
        return [here] + [
            f"{folder} holds the database of {owner}, which is gone: delete it if nobody needs it"
            for folder, owner in orphans
        ]

    async def _initialise(self) -> None:
        # Beside its final place: an initdb that was interrupted must not look like a cluster.
        unfinished = self._folder / "postgres.unfinished"
        password = self._new_password()
        make_empty_directory(unfinished, self.user)
        initdb = Program(
            name="initdb",
            command=[
                *(str(find_binary("initdb")), "-D", str(unfinished), "--username", OWNER),
                *("--auth=scram-sha-256", f"--pwfile={password}"),
                *("--encoding=UTF8", "--locale=C", "--no-instructions"),
                *(() if self.durable else QUICK_INITDB),
            ],
            environment=make_environment(),
            user=self.user,
        )
        process = Process(initdb, self.directory / "logs")
        await process.finish()
        unfinished.rename(self.cluster)

    def _new_password(self) -> Path:
        path = self._password_file
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        give(path, self.user)
        return path

    @property
    def _password_file(self) -> Path:
        return self._folder / "postgres-password"

    def _url(self, database: str) -> str:
        password = self._password_file.read_text().strip()
        return f"postgresql://{OWNER}:{password}@{LOOPBACK}:{self.port}/{database}"

    async def _serves(self, output: str) -> bool:
        try:
            async with await psycopg.AsyncConnection.connect(
                self._url("postgres"), connect_timeout=5
            ):
                return True
        except psycopg.OperationalError:
            return False

    async def _await_the_old_server(self) -> None:
        await wait_for_old_server(self.cluster)
