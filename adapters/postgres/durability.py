"""Durability: whether PostgreSQL keeps what it has committed, as a new session of this role sees it."""

from dataclasses import dataclass

from sqlalchemy import text

from adapters.postgres.database import Database
from domain.errors import NotDurable

_READ = text(
    """
    SELECT current_setting('synchronous_commit') AS synchronous_commit,
           (SELECT source FROM pg_settings WHERE name = 'synchronous_commit') AS source,
           current_database() AS database, current_user AS role,
           current_setting('fsync') = 'on' AS fsync,
           current_setting('full_page_writes') = 'on' AS full_page_writes
    """
)
_SERVER = "in postgresql.conf or on the server's command line"


@dataclass(frozen=True, slots=True)
class Durability:
    """What decides whether a commit is kept, and where `synchronous_commit` was set."""

    synchronous_commit: str
    source: str
    database: str
    role: str
    fsync: bool
    full_page_writes: bool

    @property
    def loss(self) -> str:
        """How committed payments may be forgotten, and what to set where; empty when they are kept."""
        if self.synchronous_commit != "off":
            return ""
        return (
            "PostgreSQL may forget what it has committed: synchronous_commit is off, "
            f"set it to on {self._place}"
        )

    @property
    def risk(self) -> str:
        """What a crash of the machine would lose; empty when it loses nothing."""
        kept = {"fsync": self.fsync, "full_page_writes": self.full_page_writes}
        off = [name for name, is_on in kept.items() if not is_on]
        if not off:
            return ""
        return (
            f"a crash of PostgreSQL's machine may destroy the journal: {' and '.join(off)} off, "
            f"set to on {_SERVER}"
        )

    @property
    def _place(self) -> str:
        role, database = f'ALTER ROLE "{self.role}"', f'"{self.database}"'
        commands = {
            "database": f"by ALTER DATABASE {database} SET synchronous_commit = on",
            "user": f"by {role} SET synchronous_commit = on",
            "database user": f"by {role} IN DATABASE {database} SET synchronous_commit = on",
            "client": "in the options of DATABASE_URL",
        }
        return commands.get(self.source, _SERVER)


async def read_durability(database: Database) -> Durability:
    """Ask in a new session: those that are open keep the settings they began with."""
    async with database.open_session() as connection:
        return Durability(*(await connection.execute(_READ)).one())


async def require_durability(database: Database, network: str) -> str:
    """
    Raise NotDurable unless commits are kept. Only in the sandbox may a crash of the machine lose
    them; what it may lose is returned.
    """
    found = await read_durability(database)
    obstacles = [found.loss] if network == "sandbox" else [found.loss, found.risk]
    if refused := [obstacle for obstacle in obstacles if obstacle]:
        raise NotDurable("; ".join(refused))
    return found.risk
