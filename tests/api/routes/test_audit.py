"""The audit trail: every change stands in it, is found, exported, and proven to be what was written."""

import csv
import io
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.database import Database
from api.protocol.exports import disarm
from devstack.environment.stack import Stack
from services.integration.audit.read_verification import read_verification
from tests.testkit.api_client import declare_outage, make_unique_id
from tests.testkit.stacks import open_scratch_database

HOOK = {"url": "http://127.0.0.1:9/", "events": ["outage.created"]}


async def list_all(api: httpx.AsyncClient, **wanted: Any) -> list[dict[str, Any]]:
    """Follow the cursor to the end."""
    found, cursor = list[dict[str, Any]](), dict[str, int]()
    while True:
        page = (await api.get("/audit", params={"limit": 2} | wanted | cursor)).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"before": page["next"]}


async def test_every_change_under_one_correlation_id_has_its_entry(api: httpx.AsyncClient) -> None:
    """Seen: the second change vanished."""
    incident = make_unique_id("incident")
    headers = {"X-Correlation-ID": incident}
    made = (await api.post("/webhooks", json=HOOK, headers=headers)).json()
    path = f"/webhooks/{made['id']}"
    for active in (False, True, False):
        await api.patch(path, json={"active": active}, headers=headers)
    await api.delete(path, headers=headers)
    found = await list_all(api, correlation_id=incident)
    assert [entry["action"] for entry in reversed(found)] == [
        "webhook.created",
        *("webhook.changed",) * 3,
        "webhook.deleted",
    ]
    assert [e["evidence"].get("active") for e in reversed(found)][1:4] == [False, True, False]


async def test_of_the_address_of_a_receiver_auditors_see_its_host_alone(
    api: httpx.AsyncClient,
) -> None:
    """Auditors may not list webhooks, and a path or a query may be what lets one in."""
    incident = make_unique_id("incident")
    headers = {"X-Correlation-ID": incident}
    secret = HOOK | {"url": "http://127.0.0.1:9/T0/hush?key=hush"}
    path = f"/webhooks/{(await api.post('/webhooks', json=secret, headers=headers)).json()['id']}"
    await api.patch(path, json={"url": "http://localhost:9/hush"}, headers=headers)
    await api.delete(path)
    found = await list_all(api, correlation_id=incident)
    assert [each["evidence"].get("host") for each in found] == ["localhost", "127.0.0.1"]
    assert "hush" not in json.dumps(found)


async def test_the_first_admin_and_who_pays_whom_stand_in_the_trail(api: httpx.AsyncClient) -> None:
    given = await list_all(api, subject="key/admin")
    assert [(each["action"], each["actor"]) for each in given] == [("key.given", "engine")]
    agreed = await list_all(api, subject="agreement/default", action="agreement.added")
    assert len(agreed) == 1
    assert agreed[0]["evidence"]["bond"].startswith("G")


async def test_entries_are_found_by_what_they_are(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api)
    (entry,) = await list_all(api, subject=f"outage/{outage_id}")
    assert (entry["action"], entry["actor"]) == ("outage.declared", "admin")
    day = entry["at"][:10]
    wanted = {"subject": f"outage/{outage_id}", "actor": "admin", "action": "outage.declared"}
    assert await list_all(api, **wanted, date_from=day, date_to=day) == [entry]
    assert await list_all(api, **wanted, date_to="2020-01-01") == []
    assert await list_all(api, **wanted | {"actor": "nobody"}) == []


async def test_pages_follow_each_other_without_a_gap(api: httpx.AsyncClient) -> None:
    for _ in range(3):
        await declare_outage(api)
    whole = await list_all(api, action="outage.declared", limit=1000)
    paged = await list_all(api, action="outage.declared")
    assert [entry["sequence"] for entry in paged] == [entry["sequence"] for entry in whole]
    assert paged == sorted(paged, key=lambda entry: -entry["sequence"])


async def test_exports_hold_every_entry(api: httpx.AsyncClient) -> None:
    outage_id = await declare_outage(api, site_name="Tower 7")
    await api.put(f"/outages/{outage_id}", json={"description": "no power"})
    wanted = {"subject": f"outage/{outage_id}"}
    listed = list(reversed(await list_all(api, **wanted)))
    lines = await api.get("/audit/export", params=wanted)
    assert lines.headers["content-type"] == "application/jsonl"
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    table = await api.get("/audit/export", params=wanted | {"format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert 'filename="audit.csv"' in table.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["id"] for row in rows] == [entry["id"] for entry in listed]
    assert json.loads(rows[1]["evidence"]) == {"description": "no power"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "\n="])
def test_no_cell_is_a_formula(start: str) -> None:
    assert disarm(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"
    assert disarm("plain = text") == "plain = text"
    assert disarm(-5) == "-5"


async def test_the_whole_trail_is_verified(api: httpx.AsyncClient) -> None:
    await declare_outage(api)
    first = (await api.get("/audit/verify", params={"limit": 1})).json()
    assert (first["verified"], first["complete"]) == (1, False)
    # Read before: outages of other tests go on meanwhile.
    newest = (await api.get("/audit", params={"limit": 1})).json()["items"][0]["sequence"]
    rest = (await api.get("/audit/verify", params={"after": first["last_sequence"]})).json()
    assert rest["complete"]
    assert rest["mismatches"] == first["mismatches"] == []
    assert rest["last_sequence"] >= newest


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("hash = decode(repeat('00', 32), 'hex')", "its content does not have its hash"),
        ("content = content || ' '", "its content does not have its hash"),
        ("actor = 'somebody'", "its column actor is not what its content says"),
        ("recorded_at = now()", "its column at is not what its content says"),
    ],
)
async def test_an_entry_that_was_changed_is_named(
    stack: Stack, api: httpx.AsyncClient, database: Database, change: str, problem: str
) -> None:
    await declare_outage(api)
    copied = "SELECT id, subject, action, actor, correlation_id, recorded_at, content, hash"
    async with database.autocommit() as connection:
        found = await connection.execute(text(f"{copied} FROM audit_entries LIMIT 3"))
        rows = [dict(row) for row in found.mappings()]
    names = list(rows[0])
    insert = f"INSERT INTO audit_entries ({', '.join(names)}) VALUES (:{', :'.join(names)})"
    async with open_scratch_database(stack.environment["DATABASE_URL"]) as scratch:
        async with scratch.transaction() as connection:
            await connection.execute(text(insert), rows)
            await connection.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER ALL"))
            changed = f"UPDATE audit_entries SET {change} WHERE sequence = 2"
            await connection.execute(text(changed))
        result = await read_verification(scratch, 0, 100)
    assert (result.verified, result.complete) == (3, True)
    assert [(each.sequence, each.problem) for each in result.mismatches] == [(2, problem)]
