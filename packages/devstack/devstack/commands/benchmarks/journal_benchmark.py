"""`apexchainx bench journal`: a check of the whole journal beside a plain read of it, and how fast writers post meanwhile."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from devstack.bench import seed_journal
from devstack.bench.seed_journal import Timed
from devstack.commands.stacks import Found, find_engine

WRITERS = (1, 8)
PAYMENTS_POSTED = 1_000


async def run_measurement(
    data_dir: Path, postings: int, rounds: int, *, quiet: bool
) -> dict[str, Any]:
    """Write a journal into a database of its own, check it `rounds` times, and drop it."""
    async with find_engine(None, None, data_dir) as found:
        return await found.during(_measured(found, postings, rounds, quiet))


async def _measured(found: Found, postings: int, rounds: int, quiet: bool) -> dict[str, Any]:
    record = found.record
    assert record is not None, "engines are looked for in a directory only"
    url = record.owner_url
    async with seed_journal.make_scratch(url) as database:
        rates = {
            str(writers): await seed_journal.measure_posting(database, writers, PAYMENTS_POSTED)
            for writers in WRITERS
        }
    async with seed_journal.make_scratch(url) as database:
        await seed_journal.write(database, postings)
        timed = await seed_journal.measure(database, rounds)
    ratio = round(timed.check / timed.scan, 1)
    if not quiet:
        _show(timed, ratio, rates)
    return {
        "postings": timed.postings,
        "entries": timed.entries,
        "check_seconds": timed.check,
        "check_rounds": timed.check_seconds,
        "scan_seconds": timed.scan,
        "scan_rounds": timed.scan_seconds,
        "ratio": ratio,
        "entries_per_second_by_writers": rates,
        "problems": [asdict(violation) for violation in timed.violations],
    }


def _show(timed: Timed, ratio: float, rates: dict[str, float]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{timed.postings:,} postings of {timed.entries:,} entries: all invariants checked in "
        f"{timed.check:g} s, median of {_each(timed.check_seconds)}"
    )
    console.print(
        f"a plain sum of all amounts takes {timed.scan:g} s ({_each(timed.scan_seconds)}); "
        f"check / sum: {ratio:g}"
    )
    for writers, rate in rates.items():
        console.print(f"{rate:g} entries a second by {writers} at a time, on the same accounts")
    for violation in timed.violations:
        console.print(f"PROBLEM  {violation.subject}  {violation.detail}", markup=False)


def _each(seconds: list[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in seconds)
