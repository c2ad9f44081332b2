"""POST /imports: files of every kind become jobs, for those who may declare outages."""

import asyncio
import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
from tests.testkit.access import browser as cookies
from tests.testkit.api_client import wait_until

HEAD = "service_id,start_time,end_time,id"


def make_prefix() -> str:
    return f"imp-{time.time_ns()}"


def make_rows(prefix: str, count: int, *, ended: bool = False) -> list[dict[str, str]]:
    end = "2026-01-31T12:25:00Z" if ended else ""
    return [
        {
            "service_id": "svc",
            "start_time": "2026-01-31T12:00:00Z",
            "end_time": end,
            "id": f"{prefix}-{n}",
        }
        for n in range(count)
    ]


def make_csv(rows: list[dict[str, str]]) -> bytes:
    return "\n".join([HEAD, *(",".join(row.values()) for row in rows)]).encode()


async def send(
    api: httpx.AsyncClient, content: bytes, kind: str = "text/csv", **params: Any
) -> dict[str, Any]:
    answer = await api.post(
        "/imports", content=content, headers={"Content-Type": kind}, params=params
    )
    assert answer.status_code == 202, answer.text
    return await see_through(api, answer.json())


async def see_through(api: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = (await api.get(f"/jobs/{job['id']}")).json()
        return found if found["ended_at"] else None

    ended = await wait_until(look, "the end of the import", 60)
    assert ended["status"] == "done", ended
    return ended


async def is_shown(temporal: Client, outage_id: str, status: str) -> bool | None:
    """Whether the workflow of an outage has read how it stands."""
    handle = temporal.get_workflow_handle(f"outage/{outage_id}")
    return (await handle.query("state") == status) or None


@pytest.mark.parametrize(
    "kind", ["text/csv", "application/json", "application/x-ndjson", "multipart/form-data"]
)
async def test_declared_outages_have_workflows_of_their_own(
    api: httpx.AsyncClient, temporal: Client, kind: str
) -> None:
    prefix = make_prefix()
    rows = [*make_rows(prefix, 2, ended=True), *make_rows(f"{prefix}-open", 2)]
    if kind == "multipart/form-data":
        files = {"file": ("outages.csv", make_csv(rows), "text/csv")}
        job = (await api.post("/imports", files=files)).json()
        job = await see_through(api, job)
        assert job["parameters"]["filename"] == "outages.csv"
    else:
        lines = "\n".join(map(json.dumps, rows))
        content = {"text/csv": make_csv(rows), "application/json": json.dumps(rows).encode()}
        job = await send(api, content.get(kind, lines.encode()), kind)
    assert (job["result"]["imported"], job["result"]["wrong"]) == (4, 0)

    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = (await api.get(f"/outages/{prefix}-0")).json()
        return found if found["status"] == "resolved" else None

    assert (await wait_until(look, "the verdict"))["sla_status"]["mttr_minutes"] == 25
    for outage_id, status in ((f"{prefix}-0", "disputable"), (f"{prefix}-open-0", "declared")):
        await wait_until(partial(is_shown, temporal, outage_id, status), f"{outage_id} {status}")
    # The workflow knows the outage: it takes what is asked of it.
    answer = await api.post(
        f"/outages/{prefix}-open-1/resolve", json={"resolved_at": "2026-01-31T12:25:00Z"}
    )
    assert answer.status_code == 200, answer.text


async def test_the_same_file_again_is_the_same_job(api: httpx.AsyncClient) -> None:
    content = make_csv(make_rows(make_prefix(), 3))
    first = await send(api, content)
    assert (await send(api, content))["id"] == first["id"]
    again = await send(api, content + b"\n")
    assert (again["result"]["imported"], again["result"]["skipped"]) == (0, 3)


async def test_what_was_settled_elsewhere_is_closed_and_stays_as_it_is(
    api: httpx.AsyncClient,
) -> None:
    prefix = make_prefix()
    job = await send(api, make_csv(make_rows(prefix, 2, ended=True)), mode="backfill")
    assert job["result"]["imported"] == 2
    url = f"/outages/{prefix}-0"
    found = (await api.get(url)).json()
    assert (found["status"], found["sla_status"]["mttr_minutes"]) == ("resolved", 25)
    asked = [
        await api.patch(url, json={"description": "another"}),
        await api.post("/disputes", json={"outage_id": f"{prefix}-0", "reason": "not ours"}),
        await api.post(f"{url}/dispute", json={"reason": "not ours"}),
    ]
    assert {answer.status_code for answer in asked} <= {404, 409, 422}
    assert "was settled elsewhere" in asked[0].json()["detail"]
    for action, body in (
        ("resolve", {"mttr_minutes": 5}),
        ("cancel", {"reason": "none"}),
        ("reopen", {"reason": "none"}),
        ("void", {"reason": "none"}),
    ):
        answer = await api.post(f"{url}/{action}", json=body)
        assert answer.status_code == 409, (action, answer.text)
    assert (await api.get(url)).json() == found


async def test_wrong_rows_are_in_the_jobs_file(api: httpx.AsyncClient) -> None:
    rows = make_rows(make_prefix(), 2)
    rows[1]["start_time"] = "=yesterday()"
    job = await send(api, make_csv(rows))
    assert (job["result"]["imported"], job["result"]["wrong"]) == (1, 1)
    table = (await api.get(f"/jobs/{job['id']}/output")).text
    assert table.splitlines()[0] == "row,line,field,message"
    assert table.splitlines()[1].startswith("2,3,start_time,must be written like")
    history = (await api.get("/imports")).json()
    (record,) = [each for each in history if each["job_id"] == job["id"]]
    assert (record["imported"], record["wrong"], record["mode"]) == (1, 1, "declare")
    old = (await api.get("/outages/bulk/history")).json()
    (shown,) = [each for each in old if each["id"] == record["id"]]
    assert (shown["error_count"], shown["errors"][0]["row"]) == (1, 2)


async def test_what_is_no_file_of_outages_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.post("/imports", content=b"x", headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "file")
    answer = await api.post("/imports", files={"other": ("a.csv", b"x", "text/csv")})
    assert answer.status_code == 422
    answer = await api.post("/imports", params={"mode": "guess"}, content=b"x")
    assert answer.status_code == 422


async def test_only_who_may_declare_imports(stack: Stack, api: httpx.AsyncClient) -> None:
    url, content = f"{stack.url}/api/v1/imports", make_csv(make_rows(make_prefix(), 1))
    headers = {"Content-Type": "text/csv", "X-API-Key": "apx_nobody"}
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.post(url, content=content, headers=headers)).status_code == 401
    database = Database(stack.environment["DATABASE_URL"], connections_max=1)
    viewer = await cookies.add_person(database, Role.VIEWER)
    await database.close()
    async with cookies.Browser(f"{stack.url}/api/v1") as client:
        await cookies.open_session(client, viewer)
        answer = await client.post(
            "/imports", content=content, headers={"Content-Type": "text/csv"}
        )
        assert answer.status_code == 403


async def test_the_command_sends_a_file_and_sees_it_through(
    stack: Stack, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    rows = make_rows(make_prefix(), 3, ended=True)
    rows[2]["end_time"] = "never"
    file, problems = tmp_path / "outages.csv", tmp_path / "problems.csv"
    file.write_bytes(make_csv(rows))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "imports", str(file), "--mode", "backfill"),
        *("--problems", str(problems), "--api", f"{stack.url}/api/v1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"APEXCHAINX_API_KEY": api.headers["X-API-Key"]},
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1, stderr
    found = json.loads(stdout)
    assert (found["imported"], found["wrong"]) == (2, 1)
    assert problems.read_text().splitlines()[1].startswith("3,4,end_time,")
    assert b"import [" in stderr


@pytest.mark.parametrize("key", ["", "k" * 201])
async def test_a_key_that_is_none_is_refused_and_no_file_is_taken(
    api: httpx.AsyncClient, key: str
) -> None:
    content = make_csv(make_rows(make_prefix(), 1))
    name = f"{make_prefix()}.csv"
    headers = {"Content-Type": "text/csv", "Idempotency-Key": key}
    answer = await api.post("/imports", content=content, headers=headers, params={"filename": name})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert name not in (await api.get("/imports")).text
