"""`apexchainx journal`: whether the whole journal keeps its invariants."""

import asyncio
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer

from cli.databases import DataDir, NoDatabase, open_database
from domain.accounting.integrity_checks import Violation, has_violation
from domain.accounting.invariants import INVARIANT_DESCRIPTIONS
from domain.accounting.troubles import Trouble, TroubleCode
from domain.errors import ApexError
from services.accounting.integrity.check_integrity import check_integrity
from services.accounting.readiness.read_troubles import read_troubles


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
    data_dir: DataDir = None,
) -> None:
    """Reads the database of --data-dir, or that at DATABASE_URL, and names it. Ends with 1 when an invariant is violated."""
    assert action is JournalAction.CHECK
    began = time.monotonic()
    try:
        found = asyncio.run(_check(data_dir, timedelta(hours=overdue_hours)))
    except (NoDatabase, OSError, ApexError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        answer = {"clean": not has_violation(found.violations), "seconds": seconds}
        typer.echo(orjson.dumps(asdict(found) | answer).decode())
    else:
        typer.echo(f"database {found.database}")
        _show(found, seconds)
    raise typer.Exit(1 if has_violation(found.violations) else 0)


@dataclass(frozen=True)
class Checked:
    """What a check found; `unattended` is in flight and has no workflow, as far as is known."""

    database: str
    violations: list[Violation]
    unattended: list[Trouble]


async def _check(data_dir: Path | None, overdue: timedelta) -> Checked:
    async with open_database(data_dir) as database:
        violations = await check_integrity(database, overdue)
        troubles = await read_troubles(database)
        waiting = [each for each in troubles if each.code is TroubleCode.WORKFLOWS_MISSING]
        return Checked(database.location, violations, waiting)


def _show(checked: Checked, seconds: float) -> None:
    """A line for each invariant, its status first: whatever cuts a line leaves the verdict."""
    violations = checked.violations
    violated = {violation.invariant for violation in violations if not violation.overdue}
    width = max(map(len, INVARIANT_DESCRIPTIONS))
    for invariant, description in INVARIANT_DESCRIPTIONS.items():
        status = "VIOLATED" if invariant in violated else "kept"
        typer.echo(f"{status:<8}  {invariant:<{width}}  {description}")
    for violation in violations:
        kind = "OVERDUE" if violation.overdue else f"VIOLATED {violation.invariant}:"
        typer.echo(f"{kind}  {violation.subject}  {violation.detail}")
    for trouble in checked.unattended:
        typer.echo(f"UNATTENDED  {trouble.sentence}")
    typer.echo(f"{'violated' if violated else 'clean'}, checked in {seconds:g} s")
