"""How long an import takes: a file made from a number, sent as a stream, and seen through."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from domain.sla.bulk.import_plans import ImportMode

HEAD = "service_id,start_time,end_time,id,site_name,severity,description"
PIECE_ROWS = 2000
LOOK_SECONDS = 0.5
SEVERITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class ImportTimes:
    """`upload_seconds` are those until the file was stored, `seconds` those until all was recorded and started."""

    rows: int
    mode: ImportMode
    file_bytes: int
    upload_seconds: float
    seconds: float
    imported: int
    wrong: int

    @property
    def rows_a_second(self) -> float:
        return round(self.rows / self.seconds, 1) if self.seconds else 0.0


def make_rows(name: str, count: int, *, ended: bool, until: datetime) -> Iterator[str]:
    """Yield outages of the months before an instant, the same ones for the same name."""
    begin = until - timedelta(days=90)
    yield HEAD
    for number in range(count):
        start = begin + timedelta(seconds=number * 7 % 7_000_000)
        end = (start + timedelta(minutes=1 + number % 240)).isoformat() if ended else ""
        severity = SEVERITIES[number % len(SEVERITIES)]
        yield (
            f"svc-{number % 500},{start.isoformat()},{end},{name}-{number:07},"
            f"Tower {number % 2000},{severity},imported from the records of the past"
        )


async def make_file(rows: Iterator[str]) -> AsyncIterator[bytes]:
    piece = list[str]()
    for row in rows:
        piece.append(row)
        if len(piece) == PIECE_ROWS:
            yield ("\n".join(piece) + "\n").encode()
            piece.clear()
    yield "\n".join(piece).encode()


async def measure(
    url: str, api_key: str, rows: int, mode: ImportMode, *, ended: bool = True
) -> ImportTimes:
    """Import a file of that many outages, all of them over or none of them."""
    name = f"{mode}-{int(time.time())}-{'over' if ended else 'open'}"
    lines = make_rows(name, rows, ended=ended, until=datetime.now(UTC))
    headers = {"X-API-Key": api_key, "Content-Type": "text/csv"}
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1", headers=headers, timeout=120, trust_env=False
    ) as client:
        began = time.perf_counter()
        answer = await client.post("/imports", params={"mode": mode}, content=make_file(lines))
        answer.raise_for_status()
        uploaded = time.perf_counter() - began
        job = await _see_through(client, answer.json())
    took, result = time.perf_counter() - began, job["result"] or {}
    size = int(job["parameters"]["size"])
    return ImportTimes(
        *(rows, mode, size, round(uploaded, 2), round(took, 2)),
        *(int(result.get("imported", 0)), int(result.get("wrong", 0))),
    )


async def _see_through(client: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    while job["ended_at"] is None:
        await asyncio.sleep(LOOK_SECONDS)
        answer = await client.get(f"/jobs/{job['id']}")
        answer.raise_for_status()
        job = answer.json()
    return job
