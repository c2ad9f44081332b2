"""Real outages and baseline workflows: two workloads of the same shape, to be measured in turn."""

import asyncio
import itertools
import secrets
import time
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from devstack.bench.lifecycle.baseline import (
    OUTAGES,
    BaselineInput,
    BaselineOutageWorkflow,
)
from devstack.bench.load_loops import (
    CallSeconds,
)
from devstack.bench.webhook_receiver import BenchmarkReceiver
from devstack.processes.ports import LOOPBACK
from devstack.replay.api_client import EngineClient, RequestTimedOut
from domain.sla.verdicts import Severity

PATIENCE_SECONDS = 120.0


# The SDK's types know asynchronous updates of a handle only, not of a start.
DECLARED = BaselineOutageWorkflow.await_recorded


COLUMNS = TypedSearchAttributes(
    [
        SearchAttributePair(SearchAttributeKey.for_keyword(name), value)
        for name, value in {"OutageStatus": "declared", "Severity": "high", "SiteId": "b"}.items()
    ]
)


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
        resolved = await self.engine.ask(
            "POST", path, {"resolved_at": ended}, f"{outage_id}-resolve"
        )
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
    """The same two calls and the same wait, to workflows in which nothing is done."""

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
