"""`apexchainx generate`: a database of any size from a seed, for measurements and for trying things out."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from devstack.commands.stacks import Found, find_engine
from devstack.generate.generation import CannotGenerate, GenerationOptions, generate
from devstack.processes.programs import CannotStart


def command(
    rows: Annotated[int, typer.Option(min=1, help="Outages.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same one makes the same outages.")] = 1,
    first: Annotated[
        int, typer.Option(min=1, help="The number of the first: go on after an earlier call.")
    ] = 1,
    data_dir: Annotated[
        Path, typer.Option("--data-dir", envvar="APEXCHAINX_DATA_DIR", help="Of a local engine.")
    ] = Path("var"),
) -> None:
    """Outages of three years with their verdicts, payments, postings, disputes, agreements and trail; all or none of it."""
    try:
        asyncio.run(_generate(data_dir, GenerationOptions(rows, seed, first)))
    except psycopg.errors.UniqueViolation:
        problem = f"outages of seed {seed} from number {first} on are there: name another --seed or --first"
        raise SystemExit(f"apexchainx: {problem}") from None
    except (CannotGenerate, CannotStart, OSError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None


async def _generate(data_dir: Path, wanted: GenerationOptions) -> None:
    async with find_engine(None, None, data_dir) as found:
        await found.during(_write(found, wanted))


async def _write(found: Found, wanted: GenerationOptions) -> None:
    record = found.record
    assert record is not None, "engines are looked for in a directory only"
    began = time.monotonic()
    await asyncio.to_thread(generate, record.owner_url, wanted)
    typer.echo(f"{wanted.rows:,} outages in {time.monotonic() - began:.1f} s")
