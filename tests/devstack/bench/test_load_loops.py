"""Load is applied as stated, and what is reported was really measured."""

import asyncio
import os
import time

import pytest

from devstack.bench import process_stats
from devstack.bench.latencies import Latencies
from devstack.bench.load_loops import (
    CallSeconds,
    ClosedLoop,
    LoadProfile,
    Measured,
    open_loop,
    take_median,
)


async def test_a_closed_loop_keeps_so_many_in_flight() -> None:
    flying: list[int] = []
    now = 0

    async def live() -> CallSeconds:
        nonlocal now
        now += 1
        flying.append(now)
        await asyncio.sleep(0.02)
        now -= 1
        return {"whole": 0.02}

    pace = LoadProfile(in_flight=3, warm_up_seconds=0.2, seconds=0.4)
    measured = await ClosedLoop(live, pace, lambda: {"self": os.getpid()}).measure()
    assert max(flying) == 3
    assert now == 0
    assert 0 < measured.runs < len(flying), "what ends while it warms up or runs out is not counted"
    assert measured.per_second == pytest.approx(measured.runs / 0.4, rel=0.2)
    assert measured.steps["whole"].p50_ms == 20.0
    assert measured.memory_mb["self"] > 1


async def test_an_open_loop_counts_from_when_a_call_was_due() -> None:
    async def stall(position: int) -> None:
        if position == 0:
            time.sleep(0.2)  # noqa: ASYNC251 - the point: nothing else can be sent meanwhile

    waited = await open_loop(stall, rate=50, seconds=0.2)
    assert len(waited) == 10
    assert waited[1] > 0.15, "the second was due 0.02 s after the first and had to wait for it"


def test_percentiles_are_values_that_were_measured() -> None:
    waited = Latencies.of([value / 1000 for value in range(1, 101)])
    found = (waited.count, waited.p50_ms, waited.p95_ms, waited.p99_ms, waited.max_ms)
    assert found == (100, 50, 95, 99, 100)
    assert Latencies.of([]) == Latencies(0, 0, 0, 0, 0)


def test_the_median_round_is_reported_whole() -> None:
    rounds = [Measured(rate, rate, {}, {}, {}, 0) for rate in (5, 1, 3)]
    assert take_median(rounds) is rounds[2]


def test_a_process_costs_what_it_burns() -> None:
    before = process_stats.read({})
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    cost = process_stats.read({}).cpu_ms_since(before, completed=2)[process_stats.CLIENT]
    assert 45 <= cost <= 90
