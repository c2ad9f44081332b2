"""A client of the running product: declare an outage, resolve it, wait for something."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import httpx

Found = TypeVar("Found")

# Policies the fixture `api` publishes: what the tests need that no migration brings.
AT_ONCE = "at-once"  # no dispute window: settled at once
BRIEF = "brief"  # three seconds to dispute, one to decide
STANDARD = "standard"  # a day to dispute: the window stays open for as long as a test runs
TERMS = {
    "critical": {"threshold_minutes": 15, "penalty_per_minute": 100, "reward_base": 750},
    "high": {"threshold_minutes": 30, "penalty_per_minute": 50, "reward_base": 750},
    "medium": {"threshold_minutes": 60, "penalty_per_minute": 25, "reward_base": 750},
    "low": {"threshold_minutes": 120, "penalty_per_minute": 10, "reward_base": 600},
}
START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def make_unique_id(prefix: str = "OUT") -> str:
    return f"{prefix}-{uuid4().hex[:12]}"


def format_time_after(minutes: float = 0) -> str:
    """Return the instant so many minutes after the outages of these tests begin, as ISO 8601."""
    return (START + timedelta(minutes=minutes)).isoformat()


def build_outage(**changes: Any) -> dict[str, Any]:
    """Return the JSON of a critical outage whose dispute window stays open."""
    declared = {
        "id": make_unique_id(),
        "site_name": "Tower 7",
        "severity": "critical",
        "detected_at": format_time_after(),
        "policy": STANDARD,
    }
    return declared | changes


async def declare_outage(api: httpx.AsyncClient, **changes: Any) -> str:
    """Declare an outage and return its id."""
    answer = await api.post("/outages", json=build_outage(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def resolve_outage(
    api: httpx.AsyncClient, outage_id: str, minutes: float = 25
) -> dict[str, Any]:
    """End an outage so many minutes after it began; by default a penalty of 1000 USDC."""
    answer = await api.post(
        f"/outages/{outage_id}/resolve", json={"resolved_at": format_time_after(minutes)}
    )
    assert answer.status_code == 200, answer.text
    judged: dict[str, Any] = answer.json()
    return judged


async def resolve_patiently(api: httpx.AsyncClient, outage_id: str, minutes: float = 25) -> None:
    """Do the same as a careful caller on a machine that is busy: repeat what is answered 503, under one key."""
    key = {"Idempotency-Key": make_unique_id("RESOLVE")}
    body = {"resolved_at": format_time_after(minutes)}

    async def is_resolved() -> bool:
        answer = await api.post(f"/outages/{outage_id}/resolve", json=body, headers=key)
        waits = answer.status_code == 409 and answer.json()["type"].endswith("request_in_flight")
        assert waits or answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    await wait_until(is_resolved, f"outage {outage_id} is resolved", 120)


async def wait_until(
    look: Callable[[], Awaitable[Found | None]], what: str, limit: float = 30
) -> Found:
    """Poll until `look` finds something, and fail with `what` after `limit` seconds."""
    end, pause = time.monotonic() + limit, 0.03
    while True:
        if found := await look():
            return found
        assert time.monotonic() < end, f"not within {limit} s: {what}"
        await asyncio.sleep(pause)
        # A look costs the whole stack more than what it waits for.
        pause = min(pause * 1.4, 0.3)


async def wait_for_lifecycle(
    api: httpx.AsyncClient, outage_id: str, wanted: str, limit: float = 30
) -> dict[str, Any]:
    """Wait until an outage has this lifecycle, and return it."""

    async def look() -> dict[str, Any] | None:
        shown: dict[str, Any] = (await api.get(f"/outages/{outage_id}")).json()
        return shown if shown["lifecycle"] == wanted else None

    return await wait_until(look, f"outage {outage_id} is {wanted}", limit)


async def settle_outage(
    api: httpx.AsyncClient, minutes: float = 25, **changes: Any
) -> dict[str, Any]:
    """Settle an outage, and return it with its payment as `payment`."""
    outage_id = await declare_outage(api, **{"policy": AT_ONCE} | changes)
    await resolve_outage(api, outage_id, minutes)
    closed = await wait_for_lifecycle(api, outage_id, "closed")
    found = await api.get("/payments", params={"outage_id": outage_id})
    return closed | {"payment": found.json()["items"][0]}
