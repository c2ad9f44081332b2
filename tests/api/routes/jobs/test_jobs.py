"""Jobs are listed, shown, cancelled, retried, and their files downloaded, by whoever may."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.postgres.database import Database
from domain.access.permissions import Role
from domain.jobs.jobs import JobKind, ReportFailureInput
from services.jobs.jobs.begin_job import begin_job
from services.jobs.jobs.report_failure import report_failure
from tests.testkit.access.two_parties import save_key
from tests.testkit.api_client import (
    declare_outage,
    make_unique_id,
    resolve_outage,
    wait_until,
)
from tests.testkit.jobs.job_factory import EVERY_OUTAGE, add_job


@pytest.fixture
async def viewer(api: httpx.AsyncClient, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who sees everything, and may ask for no recomputation."""
    key = make_unique_id("key-of-a-viewer")
    await save_key(database, make_unique_id("viewer"), Role.VIEWER, key)
    headers = {"X-API-Key": key}
    async with httpx.AsyncClient(
        base_url=api.base_url, headers=headers, timeout=30, trust_env=False
    ) as client:
        yield client


async def wait_for_job(api: httpx.AsyncClient, job_id: str, status: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        shown: dict[str, Any] = (await api.get(f"/jobs/{job_id}")).json()
        return shown if shown["status"] == status else None

    return await wait_until(look, f"job {job_id} is {status}")


async def test_verdicts_are_computed_again_by_a_job_and_reported_in_its_file(
    api: httpx.AsyncClient,
) -> None:
    site = make_unique_id("site")
    outage_ids = sorted([await declare_outage(api, site_name=site) for _ in range(2)])
    for outage_id in outage_ids:
        await resolve_outage(api, outage_id)
    await declare_outage(api, site_name=site)  # not judged yet
    asked = await api.post("/jobs/recomputations", json={"site": site, "severity": "critical"})
    assert asked.status_code == 202, asked.text
    job = asked.json()
    assert (job["kind"], job["status"], job["total"]) == ("recomputation", "queued", None)
    assert job["parameters"]["site"] == site
    done = await wait_for_job(api, job["id"], "done")
    assert done["result"] == {"outages": 2, "equal": 2, "different": 0, "different_outages": []}
    assert (done["done"], done["total"], done["attempts"], done["error"]) == (2, 2, 1, None)
    (file,) = done["files"]
    output = await api.get(f"/jobs/{job['id']}/output")
    assert output.headers["content-disposition"] == f'attachment; filename="{file["filename"]}"'
    assert output.headers["content-length"] == str(file["size"]) == str(len(output.content))
    assert hashlib.sha256(output.content).hexdigest() == file["sha256"]
    rows = [json.loads(line) for line in output.text.splitlines()]
    assert [(row["outage_id"], row["equal"]) for row in rows] == [
        (each, True) for each in outage_ids
    ]
    assert rows[0]["recorded"]["amount_stroops"] == "-10000000000"


async def test_a_recomputation_is_asked_for_once_with_a_key(api: httpx.AsyncClient) -> None:
    wanted, headers = {"site": make_unique_id("nowhere")}, {"Idempotency-Key": make_unique_id("k")}
    first = await api.post("/jobs/recomputations", json=wanted, headers=headers)
    second = await api.post("/jobs/recomputations", json=wanted, headers=headers)
    assert first.json() == second.json()
    await wait_for_job(api, first.json()["id"], "done")


async def test_times_that_contradict_each_other_are_refused(api: httpx.AsyncClient) -> None:
    body = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-01T00:00:00Z"}
    refused = await api.post("/jobs/recomputations", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "until")


async def test_jobs_are_listed_by_status_and_kind_a_page_at_a_time(
    api: httpx.AsyncClient, database: Database
) -> None:
    made = [(await add_job(database)).id for _ in range(3)]
    for job_id in made:
        assert (await api.post(f"/jobs/{job_id}/cancel")).status_code == 200
    asked = {"status": "cancelled", "kind": "recomputation", "limit": 2}
    found, cursor = list[str](), None
    while True:
        given = asked if cursor is None else asked | {"cursor": cursor}
        page = (await api.get("/jobs", params=given)).json()
        assert {each["status"] for each in page["items"]} == {"cancelled"}
        found += [each["id"] for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(found) == len(set(found))
    assert [each for each in found if each in made] == made[::-1]
    none = (await api.get("/jobs", params={"status": "cancelled", "kind": "redelivery"})).json()
    assert set(made) & {each["id"] for each in none["items"]} == set()
    for cursor in ("x", "e30", "W10", "WyJhIiwgImIiXQ"):
        refused = await api.get("/jobs", params={"cursor": cursor})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_queued_job_is_cancelled_at_once_and_only_once(
    api: httpx.AsyncClient, database: Database
) -> None:
    job = await add_job(database)
    cancelled = await api.delete(f"/jobs/{job.id}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    again = await api.post(f"/jobs/{job.id}/cancel")
    assert again.json()["ended_at"] == cancelled.json()["ended_at"]
    output = await api.get(f"/jobs/{job.id}/output")
    assert output.status_code == 409
    assert output.json()["detail"].endswith("is cancelled: its file is whole once it is done")
    assert (await api.get("/jobs/job_none")).status_code == 404


async def test_a_failed_job_is_retried_and_others_are_not(
    api: httpx.AsyncClient, database: Database
) -> None:
    nowhere = EVERY_OUTAGE | {"site": make_unique_id("nowhere")}
    job = await add_job(database, parameters=nowhere)
    await begin_job(database, job.id, datetime.now(UTC))
    failure = ReportFailureInput(job.id, "the disk was full", True)
    await report_failure(database, failure, datetime.now(UTC))
    shown = (await api.get(f"/jobs/{job.id}")).json()
    assert (shown["status"], shown["error"]) == ("failed", "the disk was full")
    cancelled = await api.post(f"/jobs/{job.id}/cancel")
    assert cancelled.status_code == 409
    retried = await api.post(f"/jobs/{job.id}/retry")
    assert (retried.status_code, retried.json()["error"]) == (200, None), retried.text
    done = await wait_for_job(api, job.id, "done")
    assert (done["attempts"], done["expires_at"] > done["ended_at"]) == (2, True)
    assert (await api.post(f"/jobs/{job.id}/retry")).status_code == 409


async def test_who_may_not_ask_for_a_job_does_not_cancel_it_or_read_its_file(
    viewer: httpx.AsyncClient, api: httpx.AsyncClient, database: Database
) -> None:
    job = await add_job(database)
    assert (await viewer.get(f"/jobs/{job.id}")).json()["id"] == job.id
    for refused in (
        await viewer.post("/jobs/recomputations", json={}),
        await viewer.post(f"/jobs/{job.id}/cancel"),
        await viewer.delete(f"/jobs/{job.id}"),
        await viewer.post(f"/jobs/{job.id}/retry"),
        await viewer.get(f"/jobs/{job.id}/output"),
    ):
        assert refused.status_code == 403, refused.text
        assert "needs the permission outages:resolve" in refused.json()["detail"]
    assert (await api.delete(f"/jobs/{job.id}")).json()["status"] == "cancelled"


async def test_a_job_that_made_no_file_has_none(api: httpx.AsyncClient, database: Database) -> None:
    made = await api.post("/webhooks", json={"url": "http://127.0.0.1:9/", "events": ["sla.met"]})
    path = f"/webhooks/{made.json()['id']}"
    asked = await api.post(f"{path}/redeliver", json={"since": "2026-01-01T00:00:00Z"})
    assert (asked.status_code, asked.json()["deliveries"]) == (200, 0), asked.text
    done = await wait_for_job(api, asked.json()["job_id"], "done")
    assert (done["kind"], done["result"], done["files"]) == (
        JobKind.REDELIVERY,
        {"deliveries": 0},
        [],
    )
    missing = await api.get(f"/jobs/{done['id']}/output")
    assert (missing.status_code, missing.json()["detail"].endswith("made no file")) == (404, True)
    await api.delete(path)
