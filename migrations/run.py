"""Bring a database up to date, from the command line, a test or a start-up."""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from adapters.postgres.database import make_dialect_url
from domain.errors import Stop
from migrations.grants import find_application, grant_privileges

LOCK = 0x41504558  # "APEX"


class MadeByAnotherBuild(Stop):
    """The database was made by migrations that this build does not have."""


def read_url() -> str:
    """Return the URL of the owner, who alone changes tables."""
    return os.environ.get("DATABASE_OWNER_URL") or read_application_url()


def read_application_url() -> str:
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit("DATABASE_URL is not set; it must be postgresql://user:password@host/name")
    return url


def make_config(url: str) -> Config:
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent))
    alembic.attributes["url"] = url
    return alembic


def upgrade(url: str, application_url: str | None = None) -> None:
    """
    Apply every migration that the database has not seen, as the owner at `url`; then grant the role of
    `application_url`, where it is another one, what it needs.
    """
    alembic = make_config(url)
    known = {script.revision for script in ScriptDirectory.from_config(alembic).walk_revisions()}
    found = read_revision(url)
    if found is not None and found not in known:
        raise MadeByAnotherBuild(
            f"This build cannot use the database: another build made it (migration {found}; this one"
            f" has {', '.join(sorted(known))}). Until 1.0.0 no build migrates the database of another:"
            " start with a new one, by another DATABASE_URL or another --data-dir."
        )
    command.upgrade(alembic, "head")
    if (application := find_application(url, application_url)) is not None:
        grant_privileges(url, application)


def read_revision(url: str) -> str | None:
    """The migration that a database is at; None before the first."""
    engine = create_engine(make_dialect_url(url))
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return found
    finally:
        engine.dispose()


def check(url: str) -> None:
    """Fail when the tables in code and the migrations disagree."""
    command.check(make_config(url))
