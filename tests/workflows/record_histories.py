"""
Record what workflows do, so that later code can be held to it: `make histories`.

Keeps the histories of ordinary workflows from two stacks of its own, one of which settles in batches and
asks the SLA contract, and those of failures from the scenes. Until 1.0.0 there is one set, made anew when
workflows change. Those of a released version will never be recorded again: code that cannot replay them
would stop the workflows that are under way.
"""

import asyncio
import itertools
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from stellar_sdk import Keypair, TransactionBuilder
from temporalio.client import Client, WorkflowHandle

from devstack.environment.stack import Stack
from tests.testkit.access.second_person import open_second_person
from tests.testkit.api_client import (
    TERMS,
    declare_outage,
    resolve_outage,
    wait_until,
)
from tests.testkit.stacks import Stacks
from tests.workflows.compact import compact
from tests.workflows.scenarios import scenarios
from worker.queues import WORKFLOWS
from workflows.analytics.snapshots import SnapshotWorkflow
from workflows.batches import BatchingWorkflow
from workflows.integrity_checks import IntegrityCheckWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.webhooks import WebhookWorkflow

HISTORIES = Path(__file__).parent / "histories"
KEY = "key-of-the-recorder-0001"
POLICY = "recorded"
BATCHED = {"SETTLEMENT_RAIL": "classic", "CONTRACT_EXECUTION_MODE": "soroban"}
# Batching and what is scheduled never end, and the webhooks are sent to a URL that refuses them: kept as far
# as they are.
# Started, a first task scheduled, begun and completed, and what it asked for.
BEGUN_EVENTS = 5
ENDLESS = (
    *(BatchingWorkflow, IntegrityCheckWorkflow, ReconciliationWorkflow, SnapshotWorkflow),
    WebhookWorkflow,
)
PLAYED = ("met", "breached", "rejudged", "rejected", "expired", "cancelled", "amended")


def _batched(kind: type) -> str:
    words = re.findall("[A-Z][a-z]+", kind.__name__.removesuffix("Workflow"))
    return f"{'-'.join(words).lower()}-batched"


# Every history there is, by the name of its file.
NAMES = {
    *scenarios.NAMES,
    *(f"outage-{name}" for name in PLAYED),
    "webhook",
    *(_batched(kind) for kind in itertools.chain(*WORKFLOWS.values())),
}


async def play(api: httpx.AsyncClient) -> list[str]:
    """Run each kind of outage once; return the ids of the workflows to keep."""
    policy = {
        "name": POLICY,
        "dispute_window_seconds": 2,
        "decision_window_seconds": 2,
        "terms": TERMS,
    }
    (await api.post("/sla/policies", json=policy)).raise_for_status()
    for name in PLAYED:
        await declare_outage(api, id=name, policy=POLICY)
    amendment = {"description": "a fibre was cut", "severity": "high"}
    (await api.put("/outages/amended", json=amendment)).raise_for_status()
    cancellation = {"reason": "a false alarm"}
    (await api.post("/outages/cancelled/cancel", json=cancellation)).raise_for_status()
    await resolve_outage(api, "met", 5)
    for name in ("breached", "amended"):
        await resolve_outage(api, name)
    decisions = {
        "rejudged": {"action": "resolve", "mttr_minutes": 5},
        "rejected": {"action": "reject"},
    }
    for name in ("rejudged", "rejected", "expired"):
        await resolve_outage(api, name)
        filed = await api.post("/sla/disputes", json={"outage_id": name, "reason": "I object"})
        filed.raise_for_status()
        if name in decisions:
            decision = f"/sla/disputes/{filed.json()['id']}"
            async with await open_second_person(api) as decider:
                (await decider.patch(decision, json=decisions[name])).raise_for_status()
    await _settled(api)
    payments = (await api.get("/payments", params={"page_size": 50})).json()["items"]
    outages = {item["outage_id"] for item in payments} | {"cancelled"}
    return [f"outage/{name}" for name in sorted(outages)]


async def _settled(api: httpx.AsyncClient) -> None:
    async def all_closed() -> bool:
        listed = (await api.get("/outages", params={"page_size": 50})).json()["items"]
        return all(item["lifecycle"] in ("closed", "cancelled") for item in listed)

    await wait_until(all_closed, "every outage is closed", 60)


async def play_batched(api: httpx.AsyncClient, stack: Stack) -> None:
    """Settle in batches, run each request about a wallet, and a job."""
    policy = {"name": POLICY, "dispute_window_seconds": 0, "terms": TERMS}
    (await api.post("/sla/policies", json=policy)).raise_for_status()
    for name, minutes in (("one", 5), ("two", 25), ("three", 5)):
        await declare_outage(api, id=name, policy=POLICY)
        await resolve_outage(api, name, minutes)
    await _settled(api)
    seeds = json.loads((stack.directory.path / "stellar-keys.json").read_text())["seeds"]
    owner = Keypair.from_secret(seeds["beneficiary"])
    wallet, known = f"/wallets/{owner.public_key}", {"address": owner.public_key, "owner": "One"}
    (await api.post("/wallets", json=known)).raise_for_status()
    challenge = (await api.post(f"{wallet}/challenges")).raise_for_status().json()
    envelope = TransactionBuilder.from_xdr(
        challenge["transaction_xdr"], challenge["network_passphrase"]
    )
    envelope.sign(owner)
    proof = {"transaction_xdr": envelope.to_xdr()}
    (await api.post(f"{wallet}/proofs", json=proof)).raise_for_status()
    stranger = {"address": Keypair.random().public_key, "owner": "Two"}
    (await api.post("/wallets", json=stranger)).raise_for_status()
    (await api.post(f"/wallets/{stranger['address']}/fund")).raise_for_status()
    (await api.post("/jobs/recomputations", json={})).raise_for_status()


async def keep(folder: Path, name: str, handle: WorkflowHandle[Any, Any]) -> None:
    history = (await handle.fetch_history()).to_json()
    # The name of the machine that recorded it is left out.
    text = compact(re.sub(rf"[0-9]+([@-]){platform.node()}", r"1\1recorder", history))
    assert platform.node() not in text
    await asyncio.to_thread((folder / f"{name}.json").write_text, text)


async def record_ordinary(
    folder: Path, api: httpx.AsyncClient, stack: Stack, client: Client
) -> None:
    for workflow_id in await play(api):
        name = workflow_id.replace("/", "-")
        await keep(folder, name, client.get_workflow_handle(workflow_id))
    wanted = 'WorkflowType="WebhookWorkflow"'
    await keep(folder, "webhook", await wait_until(partial(find_begun, client, wanted), wanted))


async def find_begun(client: Client, query: str) -> WorkflowHandle[Any, Any] | None:
    """Find a workflow that has asked for something: that of a delivery begins after a pause."""
    async for found in client.list_workflows(query, limit=1):
        handle = client.get_workflow_handle(found.id, run_id=found.run_id)
        if len((await handle.fetch_history()).events) >= BEGUN_EVENTS:
            return handle
    return None


async def record_batched(
    folder: Path, api: httpx.AsyncClient, stack: Stack, client: Client
) -> None:
    await play_batched(api, stack)
    for kind in itertools.chain(*WORKFLOWS.values()):
        ended = "" if kind in ENDLESS else ' AND ExecutionStatus="Completed"'
        wanted = f'WorkflowType="{kind.__name__}"{ended}'
        look = partial(find_begun, client, wanted)
        await keep(folder, _batched(kind), await wait_until(look, f"a {kind.__name__} ran"))


async def on_a_stack(
    settings: dict[str, str],
    record: Callable[[httpx.AsyncClient, Stack, Client], Awaitable[None]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        stacks = Stacks(Path(directory) / "cluster")
        async with stacks.start(Path(directory) / "data", settings=settings) as stack:
            url = f"{stack.url}/api/v1"
            headers = {"X-API-Key": KEY}
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as api:
                webhook = {"url": f"{stack.url}/health", "events": ["outage.created"]}
                (await api.post("/webhooks", json=webhook)).raise_for_status()
                client = await Client.connect(stack.environment["TEMPORAL_ADDRESS"])
                await record(api, stack, client)


async def main() -> None:
    os.environ["BOOTSTRAP_API_KEY"] = KEY
    with tempfile.TemporaryDirectory(dir=HISTORIES.parent) as directory:
        folder = Path(directory)
        await scenarios.play(partial(keep, folder))
        await on_a_stack({}, partial(record_ordinary, folder))
        await on_a_stack(BATCHED, partial(record_batched, folder))
        recorded = {Path(name).stem for name in os.listdir(folder)}
        assert recorded == NAMES, f"recorded other histories than named: {sorted(recorded ^ NAMES)}"
        # All at once, or the old ones stay.
        await asyncio.to_thread(shutil.rmtree, HISTORIES, ignore_errors=True)
        await asyncio.to_thread(shutil.copytree, folder, HISTORIES)


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)
