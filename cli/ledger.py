"""`apexchainx ledger`: whether the book keeps its promises, looked at over all of it."""

import asyncio
import time
from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from cli.stacks import book
from domain.errors import ApexError
from domain.inspections import Finding, broken
from domain.invariants import PROMISES
from sandbox.processes import CannotStart
from services.accounting.integrity.check_integrity import check_integrity


class Action(StrEnum):
    CHECK = "check"


def command(
    action: Annotated[Action, typer.Argument(help="check: look at every promise of the book.")],
    overdue_hours: Annotated[
        float, typer.Option(min=0, help="Warn of what is owed or reserved for longer.")
    ] = 24,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    data_dir: Annotated[
        Path, typer.Option("--data-dir", envvar="APEXCHAINX_DATA_DIR", help="Of a local engine.")
    ] = Path("var"),
) -> None:
    """Reads the book at DATABASE_URL, or that of --data-dir. Ends with 1 when a promise is broken."""
    assert action is Action.CHECK
    began = time.monotonic()
    try:
        findings = asyncio.run(_check(data_dir, timedelta(hours=overdue_hours)))
    except (CannotStart, OSError, ApexError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        told = {"clean": not broken(findings), "seconds": seconds}
        found = [asdict(finding) for finding in findings]
        typer.echo(orjson.dumps(told | {"findings": found}).decode())
    else:
        _show(findings, seconds)
    raise typer.Exit(1 if broken(findings) else 0)


async def _check(data_dir: Path, overdue: timedelta) -> list[Finding]:
    async with book(data_dir) as database:
        return await check_integrity(database, overdue)


def _show(findings: list[Finding], seconds: float) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for name in ("promise", "", "what it says"):
        table.add_column(name, no_wrap=True)
    hurt = {finding.invariant for finding in findings if not finding.overdue}
    for invariant, promise in PROMISES.items():
        table.add_row(invariant, "BROKEN" if invariant in hurt else "kept", promise)
    console.print(table)
    for finding in findings:
        word = "OVERDUE" if finding.overdue else f"BROKEN {finding.invariant}:"
        console.print(f"{word}  {finding.subject}  {finding.detail}", markup=False)
    console.print(f"{'broken' if hurt else 'clean'}, looked at in {seconds:g} s")
