"""
How many outages a second go from declared to paid, and how near that is to what the workflow
server can do at all: real lives and bare ones in turn, on the same server.
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
from benchmarks.bare import OUTAGES, SETTLEMENT, WEBHOOKS, Bare, BareOutageWorkflow
from benchmarks.engine import Engine, Impatient
from benchmarks.loops import ClosedLoop, Measured, Pace, Steps
from benchmarks.receivers import Receiver, receiver
from domain.sla import Severity
from sandbox.directory import DataDirectory, Record
from sandbox.ports import LOOPBACK
from sandbox.processes import CannotStart, Program, says_ready
from sandbox.supervisor import Supervisor
from sandbox.world import is_seed

PATIENCE_SECONDS = 120.0
# As the stack splits its own queues over two processes.
BARE_WORKERS = {"bare-worker": [OUTAGES], "bare-settlement-worker": [SETTLEMENT, WEBHOOKS]}
# The SDK's types know asynchronous updates of a handle only, not of a start.
DECLARED = BareOutageWorkflow.declared
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


class RealLives:
    """Outages through the HTTP API, each until its signed webhook has arrived."""

    def __init__(self, engine: Engine, receiver: Receiver, policy: str) -> None:
        self.engine = engine
        self.receiver = receiver
        self.policy = policy
        self.run = secrets.token_hex(4)
        self.numbers = itertools.count(1)
        self.paid: set[str] = set()

    async def live(self) -> Steps:
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
        """What the book says against the claim that each was paid once."""
        paid = [
            payment["outage_id"]
            for payment in (await self.engine.payments()).values()
            if payment["outage_id"].startswith(f"bench-{self.run}-")
            and payment["state"] == "confirmed"
        ]
        found = []
        if sorted(paid) != sorted(self.paid):
            found.append(f"{len(paid)} payments are confirmed for {len(self.paid)} closed outages")
        if off := await self.engine.book_sum_stroops():
            found.append(f"the book is off by {off} stroops")
        if self.receiver.forged:
            found.append(f"{self.receiver.forged} webhooks had a wrong signature")
        return found


class BareLives(asyncio.DatagramProtocol):
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

    async def live(self) -> Steps:
        began = time.monotonic()
        name = f"bare/{self.run}-{next(self.numbers)}"
        self.waiting[name] = asyncio.get_running_loop().create_future()
        start = WithStartWorkflowOperation(
            BareOutageWorkflow.run,
            Bare(self.window_seconds, self.port),
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
        await handle.execute_update(BareOutageWorkflow.resolve, "now")
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
            raise Impatient(f"{name} is not over after {PATIENCE_SECONDS:.0f} s") from None
        finally:
            del self.waiting[name]


async def measure(
    directory: DataDirectory, engine: Engine, window_seconds: int, pace: Pace, rounds: int
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
        stack.push_async_callback(supervisor.stop, BARE_WORKERS)
        real, bare = RealLives(engine, taking, policy), BareLives(client, window_seconds)
        stack.callback((await bare.listen()).close)
        for _ in range(rounds):
            loop = ClosedLoop(real.live, pace, lambda: _record(directory).pids)
            measured.real.append(await loop.measure())
            await _start_bare(supervisor, environment)
            loop = ClosedLoop(bare.live, pace, lambda: _bare_pids(directory, supervisor))
            measured.bare.append(await loop.measure())
            await supervisor.stop(BARE_WORKERS)
        problems = await real.problems()
    return Rounds(measured.real, measured.bare, len(real.paid), problems)


async def _start_bare(supervisor: Supervisor, environment: dict[str, str]) -> None:
    mine = {name: value for name, value in os.environ.items() if not is_seed(name)}
    for name, queues in BARE_WORKERS.items():
        await supervisor.start(
            Program(
                name=name,
                command=[
                    *(sys.executable, "-P", "-m", "benchmarks.bare_workers"),
                    *("--queues", ",".join(queues)),
                ],
                ready=says_ready,
                environment=mine | environment | {"PYTHONUNBUFFERED": "1"},
            )
        )


def _bare_pids(directory: DataDirectory, supervisor: Supervisor) -> dict[str, int]:
    return {"temporal": _record(directory).pids["temporal"]} | supervisor.pids


def _record(directory: DataDirectory) -> Record:
    record = directory.record()
    if record is None or not record.pids:
        raise CannotStart(f"nothing runs in {directory.path}")
    return record
