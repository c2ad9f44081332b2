"""How long a caller waits for an outage to be on record, when nothing else happens."""

import secrets
from datetime import UTC, datetime, timedelta

from devstack.bench.latencies import Latencies
from devstack.bench.load_loops import open_loop
from devstack.replay.api_client import EngineClient


async def measure(engine: EngineClient, rate: float, seconds: float) -> Latencies:
    """Declare at a fixed rate, then call off what was declared, so that nothing stays open."""
    run = secrets.token_hex(4)
    declared: list[str] = []

    async def declare(position: int) -> None:
        outage_id = f"bench-{run}-{position}"
        body = {
            "id": outage_id,
            "site_name": f"Bench {position % 100}",
            "severity": "high",
            "detected_at": datetime.now(UTC) - timedelta(minutes=5),
        }
        await engine.ask("POST", "/outages", body, outage_id)
        declared.append(outage_id)

    # The first call of a session pays for its connection and for code that runs the first time.
    await declare(-1)
    waited = await open_loop(declare, rate, seconds)
    for outage_id in declared:
        await engine.ask(
            "POST", f"/outages/{outage_id}/cancel", {"reason": "a benchmark"}, f"{outage_id}-cancel"
        )
    return Latencies.of(waited)
