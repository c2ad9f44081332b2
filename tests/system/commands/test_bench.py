"""The benchmarks run on a real stack, and every outage they make is paid or called off."""

import asyncio
import json
import os
import sys
from typing import Any

import httpx
import pytest

from devstack.environment.stack import Stack
from tests.testkit.api_client import wait_until


async def bench(stack: Stack, *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "bench", *arguments, "--json"),
        *("--data-dir", str(stack.directory.path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(), 300)
    assert process.returncode == 0, stderr.decode()
    report: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    return report


async def test_lifecycles_are_measured_beside_the_baseline(
    stack: Stack, api: httpx.AsyncClient
) -> None:
    subscribed = (await api.get("/webhooks")).json()
    report = await bench(
        stack,
        *("lifecycle", "--rounds", "1", "--in-flight", "3", "--dispute-window", "0"),
        *("--warm-up", "1", "--seconds", "6"),
    )
    assert report["problems"] == []
    assert report["paid"] >= report["real"]["runs"] > 0
    assert report["bare"]["runs"] > 0
    assert report["ratio"] > 0
    parts = {"postgres", "temporal", "stellar", "api", "worker", "settlement-worker", "client"}
    assert set(report["real"]["cpu_ms_per_life"]) == parts
    assert "baseline-worker" in report["bare"]["cpu_ms_per_life"]
    assert (await api.get("/webhooks")).json() == subscribed, "the receiver's ended with it"


async def test_exports_are_timed_beside_a_bare_copy(stack: Stack) -> None:
    report = await bench(stack, "export", "--rows", "3000", "--rounds", "1")
    assert report["problems"] == []
    assert [each["form"] for each in report["formats"]] == ["csv", "json", "ndjson"]
    assert {each["rows"] for each in report["formats"]} == {3000}
    assert report["bare_size"] > 100_000
    assert all(0 < each["peak_mb"] < 200 for each in report["formats"])


async def test_declarations_are_timed_and_called_off(stack: Stack, api: httpx.AsyncClient) -> None:
    report = await bench(stack, "declare", "--rate", "5", "--seconds", "2")
    assert report["count"] == 10
    assert 0 < report["p50_ms"] <= report["p95_ms"] <= report["max_ms"]

    async def none_open() -> bool:
        left = await api.get("/outages", params={"search": "Bench", "status": "open"})
        return left.json()["total"] == 0

    await wait_until(none_open, "every outage is called off")


async def test_an_integrity_check_is_measured_beside_a_plain_sum(stack: Stack) -> None:
    report = await bench(stack, "journal", "--postings", "3000", "--rounds", "2")
    assert report["problems"] == []
    assert abs(report["postings"] - 3000) < 50
    assert len(report["check_rounds"]) == 2
    assert report["check_seconds"] > report["scan_seconds"] > 0
    assert report["ratio"] > 1
    assert set(report["entries_per_second_by_writers"]) == {"1", "8"}


async def test_a_restore_is_measured_part_by_part(stack: Stack) -> None:
    report = await bench(stack, "restore", "--outages", "200")
    assert report["problems"] == []
    assert (report["outages"], report["unpaid"]) == (200, 15)
    assert (report["paid_since"], report["recognised"]) == (10, 10)
    parts = {"report", "prepare", "load", "verify", "advance", "replace"}
    parts |= {"read_chain", "confirm", "until_signing"}
    assert set(report["seconds"]) == parts
    assert report["backup_bytes"] > 100_000
    assert report["total_seconds"] == pytest.approx(sum(report["seconds"].values()), abs=0.01)
