"""
The database is the truth, whatever its workflows miss: a worker that dies between a commit and the end of
its task while the caller has left, a workflow server that has forgotten everything.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError

from adapters.failpoints import OUTAGE_POINTS
from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from devstack.environment.services import is_seed
from devstack.environment.stack import Stack
from domain.requests import Request
from domain.sla.outages import Declaration, Outage
from domain.sla.verdicts import Severity
from tests.testkit.access.second_person import open_second_person
from tests.testkit.api_client import (
    BRIEF,
    TERMS,
    declare_outage,
    format_time_after,
    make_unique_id,
    resolve_outage,
    settle_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.processes.commands import run_command
from tests.testkit.recovery.outage_workers import read_end, serve_outages, start_worker
from tests.testkit.stacks import Stacks
from tests.testkit.truth import (
    ask_and_leave,
    open_api,
    read_outage,
    wait_for_agreement,
)
from workflows.sla import outage_starts

KNOWN_WITHIN_SECONDS = 15
LONG = {"site_name": "Mast 9"}


@pytest.fixture
async def stack(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    opened = Database(stack.environment["DATABASE_URL"], connections_max=4)
    yield opened
    async with opened.autocommit() as connection:
        assert await invariants.check(connection) == []
    await opened.close()


@pytest.fixture
async def client(stack: Stack) -> Client:
    return await Client.connect(stack.environment["TEMPORAL_ADDRESS"])


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with open_api(stack) as opened:
        for name, window, patience in (("at-once", 0, 0), (BRIEF, 3, 3600)):
            policy = {
                "name": name,
                "dispute_window_seconds": window,
                "decision_window_seconds": patience,
                "terms": TERMS,
            }
            assert (await opened.post("/sla/policies", json=policy)).status_code == 201
        yield opened


async def prepare(api: httpx.AsyncClient, point: str) -> tuple[str, str, str, Any]:
    """Bring an outage to where a step can be asked for; return its id and the request."""
    resolution = {"resolved_at": format_time_after(25)}
    if point == "after_record":
        return make_unique_id("EPISODE"), "", "", None
    policy = "at-once" if point in ("after_owe", "after_close") else "standard"
    outage_id = await declare_outage(api, policy=policy)
    path = f"/outages/{outage_id}"
    if point == "after_amend":
        return outage_id, "PUT", path, LONG
    if point == "after_cancel":
        return outage_id, "POST", f"{path}/cancel", {"reason": "a false alarm"}
    if point in ("after_judge", "after_owe", "after_close"):
        return outage_id, "POST", f"{path}/resolve", resolution
    await resolve_outage(api, outage_id)
    dispute = {"outage_id": outage_id, "reason": "not ours"}
    if point == "after_file":
        return outage_id, "POST", "/sla/disputes", dispute
    filed = (await api.post("/sla/disputes", json=dispute)).json()
    action = {"action": "review" if point == "after_review" else "reject"}
    return outage_id, "PATCH", f"/sla/disputes/{filed['id']}", action


async def declare_and_leave(client: Client, outage_id: str) -> None:
    """As an episode of alerts is declared: not by the API, but by the outage's own workflow."""
    outage = Outage(outage_id, "Tower 7", Severity.CRITICAL, datetime(2026, 1, 31, 12, tzinfo=UTC))
    declaration = Declaration(outage, Request("a test", "episode"), "standard", "default")
    with suppress(TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        async with asyncio.timeout(1):
            await outage_starts.declare_outage(client, declaration)


async def test_a_worker_killed_after_a_commit_is_followed_by_one_that_knows(
    stack: Stack, api: httpx.AsyncClient, database: Database, client: Client, tmp_path: Path
) -> None:
    await stack.stop_part("worker")
    async with serve_outages(stack, tmp_path / "workers.log") as process:
        await start_worker(process, "none")
        for point in OUTAGE_POINTS:
            outage_id, method, path, body = await prepare(api, point)
            before = await read_outage(database, outage_id)
            # The next line ends the worker that is well, and starts the one that dies.
            await start_worker(process, point)
            if point == "after_record":
                await declare_and_leave(client, outage_id)
            else:
                async with await open_second_person(api) as decider:
                    await ask_and_leave(decider, method, path, body)
            assert await read_end(process) == ["gone", point, "9"]
            assert await read_outage(database, outage_id) != before, "it was committed"
            await start_worker(process, "none")
            await wait_for_agreement(database, client, outage_id, KNOWN_WITHIN_SECONDS)
            if point == "after_owe":  # or it would be the one that is killed at the next point
                await wait_for_lifecycle(api, outage_id, "closed", 60)


async def recover(stack: Stack, *arguments: str) -> tuple[int, str]:
    given = {k: v for k, v in stack.signing_environment.items() if not is_seed(k)}
    run = partial(run_command, "cli.main", "recover", *arguments, environment=given, merged=True)
    ended = await asyncio.to_thread(run)
    return ended.returncode, ended.stdout


async def find_trouble(api: httpx.AsyncClient) -> dict[str, Any] | None:
    """What readiness says of workflows."""
    troubles = (await api.get("/health/readiness")).json()["settling"]["troubles"]
    return next((each for each in troubles if each["code"] == "workflows_missing"), None)


async def is_well(api: httpx.AsyncClient) -> bool:
    return await find_trouble(api) is None


async def is_reported(api: httpx.AsyncClient) -> bool:
    trouble = await find_trouble(api)
    return trouble is not None and trouble["sentence"].startswith("3 outages, 1 of them disputed")


async def test_a_workflow_server_that_forgot_everything_is_recovered(
    stack: Stack, api: httpx.AsyncClient, database: Database
) -> None:
    paid = await settle_outage(api)
    declared, judged, disputed = [await declare_outage(api) for _ in range(3)]
    await resolve_outage(api, judged)
    await resolve_outage(api, disputed)
    dispute = (
        await api.post("/sla/disputes", json={"outage_id": disputed, "reason": "not ours"})
    ).json()
    # The relay would start them itself within a minute; neither looks at what was declared 3 s ago.
    await stack.stop_part("worker")
    next(stack.directory.path.rglob("temporal.made")).unlink()
    stack.kill("temporal")
    client = await Client.connect(stack.environment["TEMPORAL_ADDRESS"], lazy=True)

    async def looks() -> str | None:
        code, said = await recover(stack)
        return said if code == 1 and "outage: 3 lost, 0 started" in said else None

    said = await wait_until(looks, "the server is back, and empty", 60)
    # With nobody who looks, readiness tells, a minute after somebody last did.
    await wait_until(partial(is_reported, api), "readiness tells", 150)
    for outage_id in (declared, judged, disputed):
        assert f"outage/{outage_id}: " in said
    assert f"outage/{paid['id']}" not in said
    code, said = await recover(stack, "--apply")
    assert (code, "outage: 3 lost, 3 started" in said) == (0, True), said
    code, said = await recover(stack)
    assert (code, "nothing is lost" in said) == (0, True), said
    async with serve_outages(stack, stack.directory.path / "workers.log") as process:
        await start_worker(process, "none")
        for outage_id in (declared, judged, disputed):
            await wait_for_agreement(database, client, outage_id, 60)
        path = f"/sla/disputes/{dispute['id']}"
        await wait_until(partial(is_well, api), "somebody has looked again", 60)
        async with await open_second_person(api) as decider:
            decided = await decider.patch(path, json={"action": "resolve", "mttr_minutes": 5})
        assert decided.status_code == 200, decided.text
        await wait_for_lifecycle(api, disputed, "closed", 60)
