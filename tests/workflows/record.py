"""
Record what workflows did, so that later code can be held to it.

    python -m tests.workflows.record 0.1.0

plays lives of every kind on a stack of its own and keeps their histories under the version
given. Histories of released versions are never recorded again: code that cannot replay them
would wedge the outages that are under way.
"""

import asyncio
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

import httpx
from temporalio.client import Client

from sandbox.ports import free
from sandbox.stack import Stack, StackOptions
from tests.support import TERMS, declare, eventually, resolve

HISTORIES = Path(__file__).parent / "histories"
KEY = "key-of-the-recorder-0001"
POLICY = "recorded"


async def play(api: httpx.AsyncClient) -> list[str]:
    """Live each kind of life once; return the workflows to keep."""
    policy = {
        "name": POLICY,
        "dispute_window_seconds": 2,
        "ruling_window_seconds": 2,
        "terms": TERMS,
    }
    (await api.post("/sla/policies", json=policy)).raise_for_status()
    for name in ("met", "breached", "rejudged", "rejected", "expired", "cancelled", "amended"):
        await declare(api, id=name, policy=POLICY)
    amendment = {"description": "a fibre was cut", "severity": "high"}
    (await api.put("/outages/amended", json=amendment)).raise_for_status()
    cancellation = {"reason": "a false alarm"}
    (await api.post("/outages/cancelled/cancel", json=cancellation)).raise_for_status()
    await resolve(api, "met", 5)
    for name in ("breached", "amended"):
        await resolve(api, name)
    rulings = {
        "rejudged": {"action": "resolve", "mttr_minutes": 5},
        "rejected": {"action": "reject"},
    }
    for name in ("rejudged", "rejected", "expired"):
        await resolve(api, name)
        filed = await api.post("/sla/disputes", json={"outage_id": name, "reason": "I object"})
        filed.raise_for_status()
        if name in rulings:
            ruling = f"/sla/disputes/{filed.json()['id']}"
            (await api.patch(ruling, json=rulings[name])).raise_for_status()
    return await _settled(api)


async def _settled(api: httpx.AsyncClient) -> list[str]:
    async def all_closed() -> bool:
        listed = (await api.get("/outages", params={"page_size": 50})).json()["items"]
        return all(item["lifecycle"] in ("closed", "cancelled") for item in listed)

    await eventually(all_closed, "every outage is closed", 60)
    payments = (await api.get("/payments", params={"page_size": 50})).json()["items"]
    outages = {item["outage_id"] for item in payments} | {"cancelled"}
    kept = {payment["outage_id"]: payment["id"] for payment in payments}
    return [f"outage/{name}" for name in sorted(outages)] + [f"payment/{kept['met']}"]


async def keep(client: Client, workflow_id: str, folder: Path) -> None:
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    kind, _, subject = workflow_id.partition("/")
    name = f"outage-{subject}" if kind == "outage" else kind
    # The machine that recorded it is nobody's business.
    text = re.sub(rf"[0-9]+([@-]){platform.node()}", r"1\1recorder", history.to_json())
    (folder / f"{name}.json").write_text(text)


async def main(version: str) -> None:
    folder = HISTORIES / version
    folder.mkdir(parents=True)
    os.environ["BOOTSTRAP_API_KEY"] = KEY
    with tempfile.TemporaryDirectory() as directory:
        stack = Stack(StackOptions(Path(directory), free(), ledger_seconds=0.25))
        await stack.start()
        try:
            url = f"{stack.url}/api/v1"
            async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": KEY}) as api:
                webhook = {"url": f"{stack.url}/health", "events": ["outage.created"]}
                (await api.post("/webhooks", json=webhook)).raise_for_status()
                workflow_ids = await play(api)
            client = await Client.connect(stack.environment["TEMPORAL_ADDRESS"])
            for workflow_id in workflow_ids:
                await keep(client, workflow_id, folder)
            async for delivery in client.list_workflows('WorkflowType="WebhookWorkflow"', limit=1):
                await keep(client, delivery.id, folder)
        finally:
            await stack.stop()


if __name__ == "__main__":
    if len(sys.argv) != 2 or (HISTORIES / sys.argv[1]).exists():
        raise SystemExit("usage: python -m tests.workflows.record NEW_VERSION")
    asyncio.run(main(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)
