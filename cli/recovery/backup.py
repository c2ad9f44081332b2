"""`apexchainx backup`: one consistent, verified file of all that the database of record holds."""

import asyncio
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli.databases import DataDir, NoDatabase, open_database, open_server
from cli.recovery.restore_report import describe_backup
from domain.errors import ApexError
from domain.recovery.backups import BackupManifest
from services.recovery.backups.rehearse_restore import rehearse_restore
from services.recovery.backups.take_backup import TakeBackup, take_backup
from services.recovery.restorations.read_source import read_source


def command(
    file: Annotated[Path, typer.Argument(help="Where it goes; nothing is written over.")],
    check: Annotated[
        bool,
        typer.Option("--check", help="Restore it into a database of its own, compare, drop it."),
    ] = False,
    pg_bin: Annotated[
        Path | None, typer.Option(help="Folder of pg_dump and pg_restore, if not found by itself.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """
    Reads the database at DATABASE_URL, or that of --data-dir, in one snapshot while everything goes on.
    The file holds hashes of API keys and the secrets of webhooks: keep it as you keep those.
    """
    try:
        manifest = asyncio.run(_take(file, check, pg_bin, data_dir))
    except (NoDatabase, OSError, ApexError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    for line in describe_backup(file, manifest):
        typer.echo(line)
    typer.echo("restored into a database of its own, and compared" if check else "read back whole")


async def _take(
    file: Path, check: bool, pg_bin: Path | None, data_dir: Path | None
) -> BackupManifest:
    async with open_database(data_dir, as_owner=True) as database:
        wanted = TakeBackup(file, version("apexchainx"), pg_bin)
        manifest = await take_backup(database, wanted)
    if check:
        async with open_server(data_dir) as (server, name):
            await rehearse_restore(server, name, await read_source(server, file, pg_bin, jobs=2))
    return manifest
