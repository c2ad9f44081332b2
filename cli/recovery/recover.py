"""`apexchainx recover`: start again, from the database, every workflow that should run and does not."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from temporalio.service import RPCError

from adapters import temporal
from cli.databases import DataDir, NoDatabase, find_environment, open_database
from domain.errors import ApexError
from worker.recovery.recovery import Recovery


def command(
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without this it only says what it would do.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """
    Compares the database with the workflow server: every outage, payment, batch and delivery that is not final
    must have a workflow that runs. Needs the --data-dir of an engine that
    runs. Safe to repeat. Ends with 1 when something is left to do.
    """
    try:
        left = asyncio.run(_recover(data_dir, apply=apply))
    except (NoDatabase, OSError, ApexError, RPCError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    raise typer.Exit(1 if left else 0)


async def _recover(data_dir: Path | None, *, apply: bool) -> int:
    """Report what is lost, and start it again if wanted; return how much is left."""
    found, started = Counter[str](), Counter[str]()
    found_at = find_environment(data_dir, "TEMPORAL_ADDRESS")
    address, namespace = found_at["TEMPORAL_ADDRESS"], found_at.get("TEMPORAL_NAMESPACE", "default")
    async with open_database(data_dir) as database:
        recovery = Recovery(database, await temporal.connect(address, namespace))
        async for lost in recovery.find_lost(deliveries=True):
            kind = lost.unfinished.workflow_id.partition("/")[0]
            found[kind] += 1
            done = apply and await recovery.start(lost)
            started[kind] += done
            word = "started again" if done else "runs already" if apply else "would be started"
            status, ended = lost.unfinished.status, lost.ended
            typer.echo(f"{lost.unfinished.workflow_id}: {status}, its workflow is {ended}; {word}")
    if not found:
        typer.echo("nothing is lost: whatever is not final has a workflow")
    for kind, count in sorted(found.items()):
        typer.echo(f"{kind}: {count} lost, {started[kind]} started")
    if found and not apply:
        typer.echo("nothing was changed; repeat with --apply to start them")
    return 0 if apply else sum(found.values())
