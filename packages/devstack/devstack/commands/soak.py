"""`apexchainx soak`: thousands of settlements under faults and kills, judged by the chain's history."""

import asyncio
import random
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import httpx
import orjson
import typer

from adapters import temporal
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from devstack.environment.stack_options import StackOptions
from devstack.processes.ports import free
from devstack.processes.programs import CannotStart
from devstack.soak.results import SoakResult
from devstack.soak.soaks import SETTINGS, Soak


def command(
    settlements: Annotated[int, typer.Option(min=1, help="How many.")] = 10_000,
    in_flight: Annotated[int, typer.Option(min=1, help="Outages at a time.")] = 60,
    ledger_seconds: Annotated[float, typer.Option(min=0.1, help="Between ledgers.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Of the misfortunes.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Starts a stack of its own, and forgets it afterwards."""
    try:
        result = asyncio.run(_soak(settlements, in_flight, ledger_seconds, seed))
    except (CannotStart, OSError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    if as_json:
        typer.echo(orjson.dumps(asdict(result) | {"clean": result.clean}).decode())
    else:
        _show(result)
    raise typer.Exit(0 if result.clean else 1)


async def _soak(count: int, in_flight: int, ledger_seconds: float, seed: int) -> SoakResult:
    with tempfile.TemporaryDirectory(prefix="apexchainx-soak-") as directory:
        options = StackOptions(
            Path(directory), free(), ledger_seconds=ledger_seconds, settings=SETTINGS
        )
        stack = Stack(options)
        await stack.start()
        environment = stack.environment
        database = Database(environment["DATABASE_URL"], connections_max=4)
        client = await temporal.connect(
            environment["TEMPORAL_ADDRESS"], environment["TEMPORAL_NAMESPACE"]
        )
        url = environment["STELLAR_RPC_URL"]
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as chain:
                luck = random.Random(seed)  # noqa: S311  luck that can be repeated
                soak = Soak(stack, database, client, chain, luck)
                return await soak.run(count, in_flight)
        finally:
            await database.close()
            await stack.stop()


def _show(result: SoakResult) -> None:
    met = ", ".join(f"{kind} {count}" for kind, count in sorted(result.faults.items()))
    ends = ", ".join(f"{status} {count}" for status, count in sorted(result.statuses.items()))
    typer.echo(
        f"{result.payments} settlements in {result.seconds:g} s ({result.per_second:g} a second), "
        f"the signer killed {result.kills} times\nfaults met: {met}\nended: {ends}\n"
        f"double {len(result.double)}, lost {len(result.lost)}, differing {len(result.differing)}, "
        f"unbalanced {len(result.unbalanced)}"
    )
    for name in ("double", "lost", "differing", "unbalanced"):
        for each in getattr(result, name)[:20]:
            typer.echo(f"PROBLEM  {name}: {each}")
