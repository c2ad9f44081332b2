"""
Where a command finds the engine it works on: a --data-dir that was typed, else the environment, else
the stack that runs in the data directory.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from adapters.postgres.database import Database
from adapters.postgres.recovery.databases import open_maintenance

OWNER_URL = "DATABASE_OWNER_URL"
API_URL, API_KEY = "APEXCHAINX_URL", "BOOTSTRAP_API_KEY"
RECORD = "stack.json"
SEEDS = "stellar-keys.json"
# None when nobody typed it: then the environment goes first, of which APEXCHAINX_DATA_DIR is a part.
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Of an engine on this machine; wins over the environment. Else APEXCHAINX_DATA_DIR, or var.",
    ),
]

ApiUrl = Annotated[str | None, typer.Option("--url", envvar=API_URL, help="Of the API.")]
ApiKey = Annotated[str | None, typer.Option("--api-key", envvar=API_KEY, help="Of the caller.")]


class NoDatabase(Exception):
    """Says in one sentence which engine was looked for, and how to name one."""


def choose_directory(data_dir: Path | None) -> Path:
    """Return the directory that was typed, else that of the environment."""
    return data_dir or Path(os.environ.get("APEXCHAINX_DATA_DIR") or "var")


def is_local(data_dir: Path | None, wanted: str) -> bool:
    """Return whether an engine on this machine is meant, and not the one that `wanted` leads to."""
    return data_dir is not None or not os.environ.get(wanted)


def find_environment(data_dir: Path | None, wanted: str) -> dict[str, str]:
    """
    Return the variables that lead to an engine, in which `wanted` is set.

    A --data-dir that was typed wins over the environment, the environment over a --data-dir that was
    not. Raises NoDatabase when no stack runs in the directory that is meant.
    """
    if not is_local(data_dir, wanted):
        return dict(os.environ)
    directory = choose_directory(data_dir)
    found = _read(directory / RECORD)
    environment = found.get("environment", {}) if found.get("pids") else {}
    if not environment.get(wanted):
        raise NoDatabase(
            f"no engine runs in {directory}: set {wanted}, name the --data-dir of one that runs, or "
            "start one with: apexchainx up"
        )
    return os.environ | environment


def find_recorded_url(data_dir: Path | None) -> str:
    """Return the URL of the API of the engine that runs in the directory that is meant; raises NoDatabase."""
    directory = choose_directory(data_dir)
    found = _read(directory / RECORD)
    if not (found.get("pids") and found.get("url")):
        raise NoDatabase(
            f"no engine runs in {directory}: give --url and --api-key, or start one with: apexchainx up"
        )
    return str(found["url"])


def find_api(url: str | None, api_key: str | None, data_dir: Path | None) -> tuple[str, str]:
    """
    Return where the API is and who asks; a --data-dir that was typed goes first. Raises NoDatabase, also for an
    address that is none and for what cannot be a key.
    """
    if url and data_dir is None:
        if not api_key:
            raise NoDatabase(f"give --api-key, or set {API_KEY}")
        _check_address(url)
        if not (api_key.isascii() and api_key.isprintable()):
            raise NoDatabase("--api-key has a character that is in no key: copy it once more")
        return url, api_key
    known = find_environment(data_dir, API_KEY)
    return find_recorded_url(data_dir), known[API_KEY]


def _check_address(url: str) -> None:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise NoDatabase(
            f"--url {url!r} is no address of an API: write it like https://sla.example.com"
        )


def find_url(data_dir: Path | None) -> str:
    """Return the URL of the database; raises NoDatabase."""
    return find_environment(data_dir, "DATABASE_URL")["DATABASE_URL"]


def find_temporal(data_dir: Path | None) -> tuple[str, str]:
    """
    Return address and namespace; where nothing names one, a Temporal at its usual port. Raises NoDatabase when
    no stack runs in a directory that was typed.
    """
    try:
        environment = find_environment(data_dir, "TEMPORAL_ADDRESS")
    except NoDatabase:
        if data_dir is not None:
            raise
        environment = {"TEMPORAL_ADDRESS": "127.0.0.1:7233"}
    return environment["TEMPORAL_ADDRESS"], environment.get("TEMPORAL_NAMESPACE", "default")


def find_owner_url(data_dir: Path | None) -> str:
    """Return the URL of the database as its owner, for what makes or copies a database; raises NoDatabase."""
    if not is_local(data_dir, "DATABASE_URL"):
        return os.environ.get(OWNER_URL) or os.environ["DATABASE_URL"]
    known = _read(choose_directory(data_dir) / RECORD).get("environment", {})
    return known.get(OWNER_URL) or find_url(data_dir)


def read_seeds(data_dir: Path | None) -> dict[str, str]:
    """Return the signing seeds of a sandbox by their settings; none where there is no sandbox."""
    seeds = _read(choose_directory(data_dir) / SEEDS).get("seeds", {})
    own = [seed for purpose, seed in seeds.items() if purpose.startswith("second_")]
    named = {
        f"STELLAR_{purpose.upper()}_SEED": seed
        for purpose, seed in seeds.items()
        if seed not in own
    }
    return named | ({"STELLAR_TREASURY_SEEDS": ",".join(own)} if own else {})


@asynccontextmanager
async def open_database(
    data_dir: Path | None, *, as_owner: bool = False
) -> AsyncIterator[Database]:
    """Open the database for a command that looks at it, and close it afterwards; raises NoDatabase."""
    url = find_owner_url(data_dir) if as_owner else find_url(data_dir)
    database = Database(url, connections_max=2)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_server(data_dir: Path | None) -> AsyncIterator[tuple[Database, str]]:
    """
    Open the maintenance database of the server, which is there when the database is not, with the name of
    the database; close it afterwards. Raises NoDatabase as `open_database` does.
    """
    maintenance, name = open_maintenance(find_owner_url(data_dir))
    try:
        yield maintenance, name
    finally:
        await maintenance.close()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
