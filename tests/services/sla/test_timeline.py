"""The timeline of an outage: every action in order, each bound to the audit trail by its hash."""

import asyncio
import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from adapters.postgres.database import Database
from adapters.postgres.tables import audit_entries
from domain.audit import hash_leaf
from tests.testkit.api_client import declare_outage, settle_outage


async def list_entries(api: httpx.AsyncClient, outage_id: str) -> list[dict[str, Any]]:
    """Return the timeline without its deliveries: other tests may have subscribers."""
    shown = (await api.get(f"/outages/{outage_id}/timeline")).json()
    assert shown["outage_id"] == outage_id
    return [item for item in shown["items"] if item["leaf_hash"]]


async def test_the_timeline_of_a_settled_outage_is_complete(api: httpx.AsyncClient) -> None:
    outage = await settle_outage(api)
    items = await list_entries(api, outage["id"])
    activities = [item["step"] for item in items]
    assert activities == [
        "outage.declared",
        "outage.judged",
        "payment.owed",
        "payment.submitted",
        "payment.confirmed",
        "outage.closed",
    ]
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    # What the engine does by itself belongs to the request that declared the outage.
    asked = [item["correlation_id"] for item in items if item["actor"] == "engine"]
    assert asked == [outage["correlation_id"]] * 4
    assert items[1]["evidence"]["mttr_basis"] == "measured"
    assert items[4]["evidence"]["transaction_hash"] == outage["payment"]["transaction_hash"]


async def test_each_item_can_be_checked_against_the_audit_trail(
    api: httpx.AsyncClient, database: Database
) -> None:
    outage = await settle_outage(api)
    items = (await api.get(f"/outages/{outage['id']}/timeline")).json()["items"]
    subject = f"outage/{outage['id']}"
    async with database.transaction() as connection:
        leaves = await connection.scalars(
            select(audit_entries.c.content)
            .where(audit_entries.c.subject == subject)
            .order_by(audit_entries.c.sequence)
        )
        hashes = [hash_leaf(content).hex() for content in leaves]
    assert [item["leaf_hash"] for item in items if item["leaf_hash"]] == hashes


async def test_the_timeline_of_a_new_outage_has_one_item(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    (only,) = await list_entries(api, outage_id)
    assert only["evidence"]["policy_digest"]


async def test_the_timeline_shows_the_host_of_a_subscriber_and_not_its_key(
    api: httpx.AsyncClient,
) -> None:
    """Every role reads timelines, and the path of a subscriber's URL may be what protects it."""
    url = "http://127.0.0.1:9/hooks/planted-key?token=planted-token"  # nobody listens there
    hook = (await api.post("/webhooks", json={"url": url, "events": ["outage.created"]})).json()
    try:
        answer = await api.get(f"/outages/{await declare_outage(api)}/timeline")
    finally:
        await api.delete(f"/webhooks/{hook['id']}")
    sent = [item["evidence"] for item in answer.json()["items"] if not item["leaf_hash"]]
    (shown,) = [each for each in sent if each["webhook_id"] == hook["id"]]
    assert shown["host"] == "127.0.0.1"
    assert "planted" not in answer.text


async def test_an_unknown_outage_has_no_timeline(api: httpx.AsyncClient) -> None:
    assert (await api.get("/outages/nothing/timeline")).status_code == 404


async def test_the_documented_code_recomputes_the_hash_of_an_audit_entry(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    """By the lines that docs/audit.md gives a reader, in Python and, where there is node, JavaScript."""
    outage_id = await declare_outage(api, site_name="Zürich 7 \U0001f600", location=None)
    amended = {
        "location": {"latitude": 51.0, "longitude": -1e-7},
        "affected_subscribers": 2**53 - 1,
    }
    answer = await api.put(f"/outages/{outage_id}", json=amended)
    assert answer.status_code == 200, answer.text
    answer = await api.get(f"/outages/{outage_id}/timeline")
    items = [item for item in answer.json()["items"] if item["leaf_hash"]]
    assert [item["step"] for item in items] == ["outage.declared", "outage.amended"]
    hashes = [item["leaf_hash"] for item in items]
    document = (Path(__file__).parents[3] / "docs" / "audit.md").read_text()
    (python,) = re.findall(r"```python\n(.+?)```", document, re.DOTALL)
    (javascript,) = re.findall(r"```javascript\n(.+?)```", document, re.DOTALL)
    copied = tmp_path / "copied.py"
    copied.write_text(python)
    assert [runpy.run_path(str(copied))["leaf_hash"](item) for item in items] == hashes
    if node := shutil.which("node"):
        ask = "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(leafHash)))"
        arguments = ("-e", javascript + ask, json.dumps(items))
        ran = await asyncio.create_subprocess_exec(node, *arguments, stdout=subprocess.PIPE)
        out, _ = await ran.communicate()
        assert json.loads(out) == hashes
