"""`apexchainx bench webhooks`: deliveries a second beside bare posts, and from a commit to its arrival."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from devstack.bench.lifecycle.workloads import PATIENCE_SECONDS
from devstack.bench.webhooks import webhook_bench
from devstack.bench.webhooks.webhook_bench import DeliveryRates
from devstack.commands.stacks import Found, find_engine
from devstack.replay.api_client import EngineClient

EVENTS = 250
TARGET_PER_SECOND, TARGET_P99_MS = 500, 1000


async def run_measurement(
    data_dir: Path, rate: float, seconds: float, rounds: int, *, quiet: bool
) -> dict[str, Any]:
    async with (
        find_engine(None, None, data_dir) as found,
        EngineClient(found.url, found.api_key, PATIENCE_SECONDS) as caller,
    ):
        return await found.during(_measured(found, caller, rate, seconds, rounds, quiet))


async def _measured(
    found: Found, caller: EngineClient, rate: float, seconds: float, rounds: int, quiet: bool
) -> dict[str, Any]:
    record = found.record
    assert record is not None, "engines are looked for in a directory only"
    url = record.owner_url
    measured = await webhook_bench.measure(caller, url, EVENTS, rate, seconds, rounds)
    if not quiet:
        _show(measured)
    problems = []
    if measured.forged or measured.repeated:
        problems.append(f"{measured.forged} did not verify, {measured.repeated} came twice")
    if measured.per_second < TARGET_PER_SECOND:
        problems.append(f"fewer than {TARGET_PER_SECOND} deliveries a second")
    if measured.commit_to_arrival_p99_ms > TARGET_P99_MS:
        problems.append(f"the p99 from commit to arrival is above {TARGET_P99_MS} ms")
    ratio = round(measured.per_second / measured.reference, 3)
    return asdict(measured) | {"ratio": ratio, "problems": problems}


def _show(measured: DeliveryRates) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{measured.deliveries:,} deliveries to {measured.receivers} receivers, signed and verified, "
        f"median of {len(measured.rounds)} rounds in turn"
    )
    for name, median, rounds in (
        ("deliveries a second", measured.per_second, measured.rounds),
        ("bare posts a second", measured.reference, measured.reference_rounds),
    ):
        each = ", ".join(f"{one:,.0f}" for one in rounds)
        console.print(f"{name}: {median:,.0f} ({each})")
    console.print(f"engine / bare posts: {measured.per_second / measured.reference:.2f}")
    console.print(
        f"from commit to arrival at {measured.rate:g} a second: p50 {measured.commit_to_arrival_p50_ms:,.0f} ms, "
        f"p99 {measured.commit_to_arrival_p99_ms:,.0f} ms"
    )
