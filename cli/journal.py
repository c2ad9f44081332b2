"""`apexchainx journal`: whether the whole journal keeps its invariants."""

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

from cli.databases import NoDatabase, open_database
from domain.accounting.integrity_checks import Violation, has_violation
from domain.accounting.invariants import INVARIANT_DESCRIPTIONS
from domain.errors import ApexError
from services.accounting.integrity.check_integrity import check_integrity


class JournalAction(StrEnum):
    CHECK = "check"


def command(
    action: Annotated[
        JournalAction, typer.Argument(help="check: check every invariant of the journal.")
    ],
    overdue_hours: Annotated[
        float, typer.Option(min=0, help="Warn of what is owed or reserved for longer.")
    ] = 24,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    data_dir: Annotated[
        Path, typer.Option("--data-dir", envvar="APEXCHAINX_DATA_DIR", help="Of a local engine.")
    ] = Path("var"),
) -> None:
    """Reads the database at DATABASE_URL, or that of --data-dir. Ends with 1 when an invariant is violated."""
    assert action is JournalAction.CHECK
    began = time.monotonic()
    try:
        violations = asyncio.run(_check(data_dir, timedelta(hours=overdue_hours)))
    except (NoDatabase, OSError, ApexError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        answer = {"clean": not has_violation(violations), "seconds": seconds}
        found = [asdict(violation) for violation in violations]
        typer.echo(orjson.dumps(answer | {"violations": found}).decode())
    else:
        _show(violations, seconds)
    raise typer.Exit(1 if has_violation(violations) else 0)


async def _check(data_dir: Path, overdue: timedelta) -> list[Violation]:
    async with open_database(data_dir) as database:
        return await check_integrity(database, overdue)


def _show(violations: list[Violation], seconds: float) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
    for name in ("invariant", "", "description"):
        table.add_column(name, no_wrap=True)
    violated = {violation.invariant for violation in violations if not violation.overdue}
    for invariant, description in INVARIANT_DESCRIPTIONS.items():
        table.add_row(invariant, "VIOLATED" if invariant in violated else "kept", description)
    console.print(table)
    for violation in violations:
        kind = "OVERDUE" if violation.overdue else f"VIOLATED {violation.invariant}:"
        console.print(f"{kind}  {violation.subject}  {violation.detail}", markup=False)
    console.print(f"{'violated' if violated else 'clean'}, checked in {seconds:g} s")
