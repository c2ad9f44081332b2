"""Measure reads of one or two builds at several sizes of the same generated database, read by read in turn."""

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx

from devstack.bench.exports.export_bench import ExportTimes, measure_format
from devstack.bench.latencies import Latencies
from devstack.bench.reads.deep_places import list_deep, read_places
from devstack.bench.reads.offered_reads import OfferedRead, list_reads
from devstack.bench.reads.read_samples import read_samples
from devstack.bench.reads.running_builds import KEY, RunningBuild
from devstack.generate.generation import GenerationOptions, generate

PREFIX = "/api/v1"
PAGE = 20
# Of the issue that asked for it; every build has these.
COMPARED = (
    *("first page", "last page", "search, common text", "search, rare text", "sorted by site"),
    *("dashboard", "one outage"),
)


# Of this build alone.
ANALYTICS = {
    "90 days by day": (("days", "90"),),
    "90 days by day in Berlin": (("days", "90"), ("tz", "Europe/Berlin")),
    "90 days by week, one severity": (("days", "90"), ("bucket", "week"), ("severity", "high")),
}
# Hundreds of reads are offered. Of a filter in another order only the first page is read, and least often.
OFFERED_REPETITIONS, COMBINED_REPETITIONS = 10, 5
EXPORTED = ("csv", "json")


@dataclass
class MeasuredReads:
    """Latencies by build, size and read; `problems` are answers that were none, `seconds` is where the time went."""

    latencies: dict[str, dict[int, dict[str, Latencies]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    exports: list[ExportTimes] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, build: str, rows: int, read: str, measured: Latencies) -> None:
        self.latencies.setdefault(build, {}).setdefault(rows, {})[read] = measured

    @contextmanager
    def note_part(self, name: str) -> Iterator[None]:
        """Note how long a part of the whole takes."""
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 1)


async def measure(
    builds: Sequence[RunningBuild], sizes: Sequence[int], seed: int, repetitions: int
) -> MeasuredReads:
    """
    Fill each database up to each size, and read; the first build is asked for everything that it offers, and in the
    end for all outages as files.
    """
    measured, filled = MeasuredReads(), 0
    async with httpx.AsyncClient(headers={"X-API-Key": KEY}, timeout=60, trust_env=False) as client:
        for rows in sizes:
            wanted = GenerationOptions(rows - filled, seed, filled + 1)
            for build in builds:
                with measured.note_part(f"generating to {rows:,}, {build.name}"):
                    await asyncio.to_thread(generate, build.owner_url, wanted)
            filled = rows
            reader = _Reader(client, measured, rows, repetitions)
            with measured.note_part(f"reads in turn among {rows:,}"):
                await reader.compare(builds)
            with measured.note_part(f"every offered read among {rows:,}"):
                await reader.read_everything(builds[0], combined=rows in (sizes[0], sizes[-1]))
    with measured.note_part(f"{len(EXPORTED)} exports of {filled:,}"):
        measured.exports += await _measure_exports(builds[0], filled)
    return measured


async def _measure_exports(build: RunningBuild, rows: int) -> list[ExportTimes]:
    headers, unhurried = {"X-API-Key": KEY}, aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(build.url, headers=headers, timeout=unhurried) as caller:
        return [await measure_format(caller, form, build.api_pid, rows) for form in EXPORTED]


@dataclass(frozen=True)
class _Reader:
    client: httpx.AsyncClient
    measured: MeasuredReads
    rows: int
    repetitions: int

    async def compare(self, builds: Sequence[RunningBuild]) -> None:
        samples = await asyncio.to_thread(read_samples, builds[0].owner_url, "none")
        for name in COMPARED:
            for build in builds:
                read = await self._make_compared(build, name, samples)
                await self._read(build, name, read)

    async def _make_compared(
        self, build: RunningBuild, name: str, samples: dict[str, list[str]]
    ) -> OfferedRead:
        parameters = {
            "first page": (),
            "last page": (("page", await self._find_last(build) if "last" in name else ""),),
            "search, common text": (("search", samples["search"][0]),),
            "search, rare text": (("search", samples["search"][2]),),
            "sorted by site": (("sort", "site_name"),),
        }.get(name, ())
        path = {
            "dashboard": "/sla/analytics/dashboard",
            "one outage": f"/outages/{samples['outage_id'][0]}",
        }.get(name, "/outages")
        return OfferedRead(path, parameters)

    async def _find_last(self, build: RunningBuild) -> str:
        answer = await self.client.get(f"{build.url}{PREFIX}/outages")
        return str(max(1, math.ceil(answer.json()["total"] / PAGE)))

    async def read_everything(self, build: RunningBuild, *, combined: bool) -> None:
        """Ask for every list, filter, search and order that is offered: the first page, one in the middle, the last."""
        webhook = await self.client.post(
            f"{build.url}{PREFIX}/webhooks",
            json={"url": "https://127.0.0.1:9/", "events": ["outage.created"]},
        )
        id_ = webhook.json().get("id", "none")
        samples = await asyncio.to_thread(read_samples, build.owner_url, id_)
        places = await asyncio.to_thread(read_places, build.owner_url)
        document = (await self.client.get(f"{build.url}/openapi.json")).json()
        for name, parameters in ANALYTICS.items():
            await self._read(build, name, OfferedRead("/sla/analytics/trends", parameters))
        for read in list_reads(document, PREFIX, samples):
            if len(read.parameters) < 2:
                await self._read(build, str(read), read, OFFERED_REPETITIONS)
                for name, deep in list_deep(read, places):
                    await self._read(build, name, deep, OFFERED_REPETITIONS)
            elif combined:
                await self._read(build, str(read), read, COMBINED_REPETITIONS)

    async def _read(
        self, build: RunningBuild, name: str, read: OfferedRead, repetitions: int = 0
    ) -> None:
        url, parameters = f"{build.url}{PREFIX}{read.path}", dict(read.parameters)
        taken = list[float]()
        for n in range((repetitions or self.repetitions) + 2):
            began = time.perf_counter()
            answer = await self.client.get(url, params=parameters)
            # The first two find caches cold.
            if n > 1:
                taken.append(time.perf_counter() - began)
            if answer.status_code != 200:
                said = f"{build.name}: {name} was answered {answer.status_code}"
                self.measured.problems.append(said)
                return
        self.measured.add(build.name, self.rows, name, Latencies.of(taken))


def compute_ratio(ours: Any, theirs: Any) -> float:
    return round(theirs / ours, 2) if ours else 0.0
