"""
How many outages a second go from declared to paid, and how near that is to what the workflow
server can do at all: real workflows and bare ones in turn, on the same server.
"""

import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass

from adapters import temporal
from devstack.bench.lifecycle.baseline import OUTAGES, WEBHOOKS
from devstack.bench.lifecycle.workloads import PATIENCE_SECONDS, BaselineWorkload, RealWorkload
from devstack.bench.load_loops import (
    ClosedLoop,
    LoadProfile,
    Measured,
)
from devstack.bench.webhook_receiver import open_receiver
from devstack.environment.services import is_seed
from devstack.processes.data_dir import DataDirectory, StackRecord
from devstack.processes.programs import CannotStart, Program, says_ready
from devstack.processes.supervisor import Supervisor
from devstack.replay.api_client import EngineClient

BASELINE_WORKERS = {"baseline-worker": [OUTAGES, WEBHOOKS]}


@dataclass(frozen=True)
class Rounds:
    """One entry a round; `paid` counts every real life, warm-up included."""

    real: list[Measured]
    bare: list[Measured]
    paid: int
    problems: list[str]


async def measure(
    directory: DataDirectory,
    engine: EngineClient,
    window_seconds: int,
    pace: LoadProfile,
    rounds: int,
) -> Rounds:
    """In turn, so that a machine that slows down slows both; each has the server for itself."""
    policy = f"bench-{window_seconds}s"
    await engine.publish_policy(policy, window_seconds)
    measured = Rounds([], [], 0, [])
    async with AsyncExitStack() as stack:
        receiver = open_receiver(engine, PATIENCE_SECONDS, all_events=pace.all_events)
        taking = await stack.enter_async_context(receiver)
        environment = _record(directory).environment
        client = await temporal.connect(
            environment["TEMPORAL_ADDRESS"], environment["TEMPORAL_NAMESPACE"]
        )
        supervisor = Supervisor(directory.logs, lambda sentence: print(sentence, file=sys.stderr))
        stack.push_async_callback(supervisor.stop, BASELINE_WORKERS)
        real, bare = RealWorkload(engine, taking, policy), BaselineWorkload(client, window_seconds)
        stack.callback((await bare.listen()).close)
        for _ in range(rounds):
            loop = ClosedLoop(real.live, pace, lambda: _record(directory).pids)
            measured.real.append(await loop.measure())
            await _start_baseline(supervisor, environment)
            loop = ClosedLoop(bare.live, pace, lambda: _baseline_pids(directory, supervisor))
            measured.bare.append(await loop.measure())
            await supervisor.stop(BASELINE_WORKERS)
        problems = await real.problems()
    return Rounds(measured.real, measured.bare, len(real.paid), problems)


async def _start_baseline(supervisor: Supervisor, environment: dict[str, str]) -> None:
    mine = {name: value for name, value in os.environ.items() if not is_seed(name)}
    for name, queues in BASELINE_WORKERS.items():
        await supervisor.start(
            Program(
                name=name,
                command=[
                    *(sys.executable, "-P", "-m", "devstack.bench.lifecycle.baseline_workers"),
                    *("--queues", ",".join(queues)),
                ],
                ready=says_ready,
                environment=mine | environment | {"PYTHONUNBUFFERED": "1"},
            )
        )


def _baseline_pids(directory: DataDirectory, supervisor: Supervisor) -> dict[str, int]:
    return {"temporal": _record(directory).pids["temporal"]} | supervisor.pids


def _record(directory: DataDirectory) -> StackRecord:
    record = directory.record()
    if record is None or not record.pids:
        raise CannotStart(f"nothing runs in {directory.path}")
    return record
