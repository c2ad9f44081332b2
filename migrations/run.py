"""Bring a database up to date, from the command line, a test or a start-up."""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config

LOCK = 0x41504558  # "APEX"


def url_from_environment() -> str:
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit("DATABASE_URL is not set; it must be postgresql://user:password@host/name")
    return url


def config(url: str) -> Config:
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent))
    alembic.attributes["url"] = url
    return alembic


def upgrade(url: str) -> None:
    """Apply every migration that the database has not seen."""
    command.upgrade(config(url), "head")


def check(url: str) -> None:
    """Fail when the tables in code and the migrations disagree."""
    command.check(config(url))
