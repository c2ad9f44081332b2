"""
How many outages a second go from declared to paid, and how near that is to what the workflow
server can do at all: real workflows and bare ones in turn, on the same server.
"""

import asyncio
import itertools
import os
import secrets
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from adapters import temporal
from devstack.bench.baseline import (
    OUTAGES,
    SETTLEMENT,
    WEBHOOKS,
    BaselineInput,
    BaselineOutageWorkflow,
)
from devstack.bench.load_loops import (
    CallSeconds,
    ClosedLoop,
    LoadProfile,
    Measured,
)
from devstack.bench.webhook_receiver import BenchmarkReceiver, receiver
from devstack.environment.services import is_seed
from devstack.processes.child_processes import CannotStart, Program, says_ready
from devstack.processes.data_dir import DataDirectory, StackRecord
from devstack.processes.ports import LOOPBACK
from devstack.processes.supervisor import Supervisor
from devstack.replay.api_client import EngineClient, RequestTimedOut
from domain.sla.verdicts import Severity

PATIENCE_SECONDS = 120.0
# As the stack splits its own queues over two processes.
BASELINE_WORKERS = {
    "baseline-worker": [OUTAGES],
    "baseline-settlement-worker": [SETTLEMENT, WEBHOOKS],
}
# The SDK's types know asynchronous updates of a handle only, not of a start.
DECLARED = BaselineOutageWorkflow.await_recorded
COLUMNS = TypedSearchAttributes(
    [
        SearchAttributePair(SearchAttributeKey.for_keyword(name), value)
        for name, value in {"OutageStatus": "declared", "Severity": "high", "SiteId": "b"}.items()
    ]
)


@dataclass(frozen=True)
class Rounds:
    """One entry a round; `paid` counts every real life, warm-up included."""

    real: list[Measured]
    bare: list[Measured]
    paid: int
    problems: list[str]


class RealWorkload:
    """Outages through the HTTP API, each until its signed webhook has arrived."""

    def __init__(self, engine: EngineClient, receiver: BenchmarkReceiver, policy: str) -> None:
        self.engine = engine
        self.receiver = receiver
        self.policy = policy
        self.run = secrets.token_hex(4)
        self.numbers = itertools.count(1)
        self.paid: set[str] = set()

    async def live(self) -> CallSeconds:
        number = next(self.numbers)
        outage_id = f"bench-{self.run}-{number}"
        ended = datetime.now(UTC) - timedelta(minutes=1)
        body = {
            "id": outage_id,
            "site_name": f"Bench {number % 100}",
            "severity": list(Severity)[number % len(Severity)],
            "detected_at": ended - timedelta(minutes=5 + number % 60),
            "description": "an outage that never was",
            "policy": self.policy,
        }
        began = time.monotonic()
        self.receiver.expect(outage_id)
        declared = await self.engine.ask("POST", "/outages", body, outage_id)
        path = f"/outages/{outage_id}/resolve"
        resolved = await self.engine.ask("POST", path, {"resolved_at": ended}, outage_id)
        closed = await self.receiver.closed(outage_id)
        if closed["transaction_hash"]:
            self.paid.add(outage_id)
        return {
            "declare": declared.seconds,
            "resolve": resolved.seconds,
            "lifecycle": time.monotonic() - began,
        }

    async def problems(self) -> list[str]:
        """What the journal says against the claim that each was paid once."""
        paid = [
            payment["outage_id"]
            for payment in (await self.engine.payments()).values()
            if payment["outage_id"].startswith(f"bench-{self.run}-")
            and payment["state"] == "confirmed"
        ]
        found = []
        if sorted(paid) != sorted(self.paid):
            found.append(f"{len(paid)} payments are confirmed for {len(self.paid)} closed outages")
        if off := await self.engine.journal_sum_stroops():
            found.append(f"the journal is off by {off} stroops")
        if self.receiver.forged:
            found.append(f"{self.receiver.forged} webhooks had a wrong signature")
        return found


class BaselineWorkload(asyncio.DatagramProtocol):
    """The same two calls and the same wait, to lives in which nothing is done."""

    def __init__(self, client: Client, window_seconds: float) -> None:
        self.client = client
        self.window_seconds = window_seconds
        self.run = secrets.token_hex(4)
        self.numbers = itertools.count(1)
        self.waiting: dict[str, asyncio.Future[None]] = {}
        self.port = 0

    async def listen(self) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, (LOOPBACK, 0))
        self.port = transport.get_extra_info("sockname")[1]
        return transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        waiting = self.waiting.get(data.decode())
        if waiting and not waiting.done():
            waiting.set_result(None)

    async def live(self) -> CallSeconds:
        began = time.monotonic()
        name = f"bare/{self.run}-{next(self.numbers)}"
        self.waiting[name] = asyncio.get_running_loop().create_future()
        start = WithStartWorkflowOperation(
            BaselineOutageWorkflow.run,
            BaselineInput(self.window_seconds, self.port),
            id=name,
            task_queue=OUTAGES,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=COLUMNS,
            static_summary="an outage that never was",
        )
        await self.client.execute_update_with_start_workflow(
            DECLARED, "fingerprint", start_workflow_operation=start
        )
        declared = time.monotonic()
        handle = await start.workflow_handle()
        await handle.execute_update(BaselineOutageWorkflow.resolve, "now")
        resolved = time.monotonic()
        await self._over(name)
        return {
            "declare": declared - began,
            "resolve": resolved - declared,
            "lifecycle": time.monotonic() - began,
        }

    async def _over(self, name: str) -> None:
        try:
            await asyncio.wait_for(self.waiting[name], PATIENCE_SECONDS)
        except TimeoutError:
            raise RequestTimedOut(f"{name} is not over after {PATIENCE_SECONDS:.0f} s") from None
        finally:
            del self.waiting[name]


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
        taking = await stack.enter_async_context(receiver(engine, PATIENCE_SECONDS))
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
                    *(sys.executable, "-P", "-m", "devstack.bench.baseline_workers"),
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
