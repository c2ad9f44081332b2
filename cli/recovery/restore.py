"""`apexchainx restore`: from a backup to the database of record; it changes nothing without --apply."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from adapters.backups.backup_files import read_backup
from cli.databases import DataDir, NoDatabase, find_owner_url, find_url, open_server
from cli.recovery.chain_history import read_since
from cli.recovery.restore_report import describe_backup, describe_chain, describe_target
from domain.errors import ApexError
from domain.requests import Request
from migrations.grants import find_application, grant_privileges
from services.recovery.backups.rehearse_restore import rehearse_restore
from services.recovery.restorations.read_source import read_source
from services.recovery.restorations.read_target import read_target
from services.recovery.restorations.restore_backup import (
    RestoreBackup,
    RestoreBackupOutcome,
    restore_backup,
)


def command(
    file: Annotated[Path, typer.Argument(help="What `apexchainx backup` wrote.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check that every byte is as it was written.")
    ] = False,
    scratch: Annotated[
        bool,
        typer.Option("--scratch", help="With --verify: restore it into a database for the trial."),
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; the services are stopped.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move a database that is not empty away.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Connections that load it.")] = 2,
    pg_bin: Annotated[
        Path | None, typer.Option(help="Folder of pg_dump and pg_restore, if not found by itself.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="After --apply: one JSON object.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """
    Into the database that DATABASE_URL names, or that of --data-dir. What is there now is never deleted.
    With STELLAR_RPC_URL and the settings of the analytics worker it also says what the chain knows since.
    """
    try:
        if verify:
            asyncio.run(_verify(file, scratch, jobs, pg_bin, data_dir))
        elif apply:
            _say(asyncio.run(_apply(file, replace, jobs, pg_bin, data_dir)), as_json)
        else:
            asyncio.run(_report(file, pg_bin, data_dir))
    except (NoDatabase, OSError, ApexError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None


async def _verify(
    file: Path, scratch: bool, jobs: int, pg_bin: Path | None, data_dir: Path | None
) -> None:
    _print(describe_backup(file, read_backup(file)))
    if scratch:
        async with open_server(data_dir) as (server, name):
            await rehearse_restore(server, name, await read_source(server, file, pg_bin, jobs))
        _print(["restored into a database for the trial: every table is as it was backed up"])


async def _report(file: Path, pg_bin: Path | None, data_dir: Path | None) -> None:
    async with open_server(data_dir) as (server, name):
        manifest = (await read_source(server, file, pg_bin, jobs=1)).manifest
        _print(describe_backup(file, manifest))
        _print(describe_target(await read_target(server, name, manifest.contents.at)))
    _print(describe_chain(await read_since(manifest.contents)))
    _print(["Nothing was changed. --apply restores it."])


async def _apply(
    file: Path, replace: bool, jobs: int, pg_bin: Path | None, data_dir: Path | None
) -> RestoreBackupOutcome:
    by = Request("operator", "command-line")
    async with open_server(data_dir) as (server, name):
        source = await read_source(server, file, pg_bin, jobs)
        wanted = RestoreBackup(source, name, replace, by, datetime.now(UTC))
        outcome = await restore_backup(server, wanted)
    owner = find_owner_url(data_dir)
    # A backup holds no roles; the server may even be a new one.
    if (application := find_application(owner, find_url(data_dir))) is not None:
        await asyncio.to_thread(grant_privileges, owner, application)
    return outcome


def _say(outcome: RestoreBackupOutcome, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(asdict(outcome)).decode())
        return
    done = outcome.restoration
    at = f"{done.restored_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    if outcome.repeated:
        _print([f"Nothing was done: it was restored from this backup at {at}."])
    else:
        parts = ", ".join(f"{part} {seconds:g} s" for part, seconds in outcome.seconds.items())
        _print([f"restored and compared, table by table ({parts})"])
    if done.replaced_database:
        _print([f"the database that was there is kept as {done.replaced_database!r}"])
    _print(
        [
            f"The journal is older than the chain. Next: nothing signs before the chain has been read past {at}",
            "(docs/how-to/back-up-and-restore.md, from step 4).",
        ]
    )


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
