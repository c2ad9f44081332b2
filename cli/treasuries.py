"""`apexchainx treasuries`: the accounts that agreements pay from, and whether each can."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from adapters.postgres.sla.agreements import treasuries
from cli.databases import DataDir, NoDatabase, open_database
from domain.errors import ApexError
from domain.money import format_amount
from domain.sla.agreements.treasuries import TreasuryRecord

COLUMNS = "{:<56}  {:<7}  {:>24}  {:>18}  {:>18}  {}"


def command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on stdout.")] = False,
    data_dir: DataDir = None,
) -> None:
    """
    Reads the database of --data-dir, or that at DATABASE_URL: what the settlement worker saw last, every half minute.
    Ends with 1 when one that is in use cannot pay what waits.
    """
    try:
        found = asyncio.run(_read(data_dir))
    except (NoDatabase, OSError, ApexError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    if as_json:
        shown = [asdict(each) | {"missing_stroops": each.missing_stroops} for each in found]
        typer.echo(orjson.dumps(shown).decode())
    else:
        for line in render_lines(found):
            typer.echo(line)
    raise typer.Exit(1 if any(is_lacking(each) for each in found) else 0)


async def _read(data_dir: Path | None) -> list[TreasuryRecord]:
    async with open_database(data_dir) as database, database.autocommit() as connection:
        return await treasuries.list_records(connection, datetime.now(UTC))


def is_lacking(treasury: TreasuryRecord) -> bool:
    """Tell whether one in use lacks a seed or money, or was never looked at."""
    return treasury.is_used and (not treasury.signable or bool(treasury.missing_stroops))


def render_lines(found: Sequence[TreasuryRecord]) -> list[str]:
    """Render one line a treasury; a dash is what no settlement worker has looked at."""
    lines = [
        COLUMNS.format("ADDRESS", "SEED", "BALANCE", "WAITS", "MISSING", "AGREEMENTS").rstrip()
    ]
    for each in found:
        seed = {None: "-", True: "held", False: "missing"}[each.signable]
        balance = "-" if each.balance_stroops is None else format_amount(each.balance_stroops)
        waits, missing = map(format_amount, (each.unsigned_stroops, each.missing_stroops))
        named = ", ".join(each.named_by[:3]) or "none any more"
        more = f" and {len(each.named_by) - 3} more" if each.named_by[3:] else ""
        state = "" if each.joined else "  (its transfers are being read)"
        lines.append(
            COLUMNS.format(each.address, seed, balance, waits, missing, f"{named}{more}{state}")
        )
    return lines
