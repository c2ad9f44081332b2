"""`apexchainx replay`: play recorded outages through the public API and settle them for real."""

import asyncio
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.databases import DataDir, choose_directory
from devstack.commands.replay_report import make_summary, print_report
from devstack.commands.stacks import KEY_NAME, find_engine
from devstack.processes.programs import CannotStart
from devstack.replay.api_client import EngineClient, RequestRefused, RequestTimedOut
from devstack.replay.outage_records import (
    RejectedRecord,
    Unreadable,
    read,
    sift,
)
from devstack.replay.replays import Played, Replay
from devstack.replay.verification import ReplayProof, prove
from domain.sla.policies import WINDOW_SECONDS_MAX


def command(
    file: Annotated[Path, typer.Argument(help="JSON: a list of outages, or an object with one.")],
    limit: Annotated[int | None, typer.Option(min=0, help="Play only the first so many.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Calls in flight.")] = 16,
    dispute_window: Annotated[
        int | None,
        typer.Option(min=0, max=WINDOW_SECONDS_MAX, help="Seconds; publishes a policy for it."),
    ] = None,
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds without progress before giving up.")
    ] = 300,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    url: Annotated[
        str | None, typer.Option(help="An engine that runs already; else APEXCHAINX_URL.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(envvar=KEY_NAME, help="Of that engine.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Without --url it uses the engine that runs in --data-dir, or starts one there until the end."""
    try:
        records = read(file)[:limit]
    except Unreadable as failure:
        print(f"apexchainx: {failure}", file=sys.stderr)
        raise typer.Exit(2) from None
    if data_dir is None:
        url = url or os.environ.get("APEXCHAINX_URL") or None
    script = Script(records, dispute_window, concurrency, patience)
    try:
        replay, proof = asyncio.run(_run(script, url, api_key, choose_directory(data_dir)))
    except (CannotStart, OSError, RequestRefused, RequestTimedOut) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    print_report(Console(stderr=as_json, highlight=False, soft_wrap=True), replay, proof)
    if as_json:
        typer.echo(orjson.dumps(make_summary(replay, proof)).decode())
    raise typer.Exit(0 if proof.holds else 1)


@dataclass(frozen=True)
class Script:
    """What is to be played, and how."""

    records: list[Any]
    dispute_window: int | None
    concurrency: int
    patience: float

    @property
    def policy(self) -> str | None:
        return None if self.dispute_window is None else f"replay-{self.dispute_window}s"


async def _run(
    script: Script, url: str | None, api_key: str | None, data_dir: Path
) -> tuple[Replay, ReplayProof]:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    possible, refused = sift(script.records, script.policy, datetime.now(UTC))
    _tell(console, refused)
    async with (
        find_engine(url, api_key, data_dir) as found,
        EngineClient(found.url, found.api_key, script.patience) as caller,
    ):
        plays = {name: Played(recorded) for name, recorded in possible.items()}
        replay = Replay(caller, plays, refused)
        return replay, await found.during(_play(script, replay, console))


async def _play(script: Script, replay: Replay, console: Console) -> ReplayProof:
    if script.policy and script.dispute_window is not None:
        await replay.engine.publish_policy(script.policy, script.dispute_window)
    refused_at_once = len(replay.refused)
    with _progress(console, replay):
        await replay.play(script.concurrency)
    _tell(console, replay.refused[refused_at_once:])
    return await prove(replay.engine, replay)


def _tell(console: Console, refused: list[RejectedRecord]) -> None:
    for refusal in refused:
        console.print(f"refused {refusal.id}: {refusal.reason}", markup=False)


def _progress(console: Console, replay: Replay) -> Progress:
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        refresh_per_second=4,
    )
    bar = progress.add_task("closed and paid", total=len(replay.played))

    def change(replay: Replay) -> None:
        resolved = sum(bool(each.sla_status) for each in replay.played.values())
        progress.update(
            bar,
            total=len(replay.played),
            completed=len(replay.closed),
            description=f"resolved {resolved}, closed and paid",
        )

    replay.changed = change
    return progress
