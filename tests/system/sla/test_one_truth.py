"""
The database is the truth, whatever its workflows miss: a worker that dies between a commit and the end of
its task while the caller has left, workflows that somebody ends in the Web UI, a workflow server that has
forgotten everything.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from temporalio.client import Client

from adapters.failpoints import OUTAGE_POINTS
from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.tables import audit_entries
from devstack.environment.services import is_seed
from devstack.environment.stack import Stack
from tests.testkit.api_client import (
    BRIEF,
    TERMS,
    build_outage,
    declare_outage,
    format_time_after,
    resolve_outage,
    settle_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.stacks import Stacks
from tests.testkit.truth import (
    ask_and_leave,
    open_api,
    read_outage,
    read_payment,
    wait_for_agreement,
)

KNOWN_WITHIN_SECONDS = 15
STARTED_WITHIN_SECONDS = 60
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


@asynccontextmanager
async def workers(stack: Stack, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Workers of outages that start at once, and die where they are told to."""
    environment = {k: v for k, v in stack.signing_environment.items() if not is_seed(k)}
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.testkit.worker_forkserver", "outages,analytics"),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
        )
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.write(b"\n")
            try:
                await asyncio.wait_for(process.wait(), 30)
            except TimeoutError:
                process.kill()
                await process.wait()


async def start(process: asyncio.subprocess.Process, order: str) -> None:
    """Stop the worker that runs, and start another one; return once it serves."""
    assert process.stdin is not None
    process.stdin.write(f"{order}\n".encode())
    await read_line(process, "ready queues")


async def read_end(process: asyncio.subprocess.Process) -> list[str]:
    """Wait until a worker has died, and return how."""
    return await read_line(process, "gone")


async def read_line(process: asyncio.subprocess.Process, beginning: str) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while line := (await process.stdout.readline()).decode():
            if line.startswith(beginning):
                return line.split()
    raise AssertionError("whoever starts the workers has died; its log tells why")


async def prepare(api: httpx.AsyncClient, point: str) -> tuple[str, str, str, Any]:
    """Bring an outage to where a step can be asked for; return its id and the request."""
    resolution = {"resolved_at": format_time_after(25)}
    if point == "after_record":
        body = build_outage()
        return body["id"], "POST", "/outages", body
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


async def test_a_worker_killed_after_a_commit_is_followed_by_one_that_knows(
    stack: Stack, api: httpx.AsyncClient, database: Database, client: Client, tmp_path: Path
) -> None:
    await stack.stop_part("worker")
    async with workers(stack, tmp_path / "workers.log") as process:
        await start(process, "none")
        for point in OUTAGE_POINTS:
            outage_id, method, path, body = await prepare(api, point)
            before = await read_outage(database, outage_id)
            # The next line ends the worker that is well, and starts the one that dies.
            await start(process, point)
            await ask_and_leave(api, method, path, body)
            assert await read_end(process) == ["gone", point, "9"]
            assert await read_outage(database, outage_id) != before, "it was committed"
            await start(process, "none")
            await wait_for_agreement(database, client, outage_id, KNOWN_WITHIN_SECONDS)
            if point == "after_owe":  # or it would be the one that is killed at the next point
                await wait_for_lifecycle(api, outage_id, "closed", 60)


@pytest.mark.parametrize("end", ["terminate", "reset", "cancel"])
async def test_outages_whose_workflows_somebody_ends_go_on(
    api: httpx.AsyncClient, database: Database, client: Client, end: str
) -> None:
    declared = await declare_outage(api)
    judged = await declare_outage(api, policy=BRIEF)
    await resolve_outage(api, judged)
    for outage_id in (declared, judged):
        await end_workflow(client, f"outage/{outage_id}", end)
    await wait_for_lifecycle(api, judged, "closed", STARTED_WITHIN_SECONDS)
    if end == "cancel":
        called_off = await wait_for_lifecycle(api, declared, "cancelled")
        assert called_off["id"] == declared
        return

    async def resolves() -> bool:
        answer = await api.post(f"/outages/{declared}/resolve", json={"mttr_minutes": 25})
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    await wait_until(resolves, "the outage can be resolved again", STARTED_WITHIN_SECONDS)
    if end == "terminate":
        assert await count_restarts(database, f"outage/{declared}") == 1


@pytest.mark.parametrize("end", ["terminate", "reset", "cancel"])
async def test_payments_whose_workflows_somebody_ends_are_made_once(
    api: httpx.AsyncClient, database: Database, client: Client, end: str
) -> None:
    reason = {"action": "open", "reason": "a test"}
    assert (await api.post("/payments/circuit-breaker", json=reason)).status_code == 200
    outage_id = await declare_outage(api, policy="at-once")
    await resolve_outage(api, outage_id)

    async def find_on_hold() -> str | None:
        found = await read_payment(database, outage_id)
        return found[0] if found and found[1] == "on_hold" else None

    payment_id = await wait_until(find_on_hold, "the payment is on hold")
    await end_workflow(client, f"payment/{payment_id}", end)
    reason["action"] = "close"
    assert (await api.post("/payments/circuit-breaker", json=reason)).status_code == 200
    await wait_for_lifecycle(api, outage_id, "closed", 2 * STARTED_WITHIN_SECONDS)


async def end_workflow(client: Client, workflow_id: str, end: str) -> None:
    handle = client.get_workflow_handle(workflow_id)
    if end == "terminate":
        await handle.terminate("by an operator")
    elif end == "cancel":
        await handle.cancel()
    else:
        command = [
            *("workflow", "reset", "--workflow-id", workflow_id, "--type", "FirstWorkflowTask"),
            *("--reason", "by an operator", "--address", client.service_client.config.target_host),
        ]
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("temporal")),
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()


async def count_restarts(database: Database, subject: str) -> int:
    async with database.autocommit() as connection:
        rows = await connection.execute(
            select(audit_entries.c.id).where(
                audit_entries.c.subject == subject, audit_entries.c.action == "workflow.restarted"
            )
        )
        return len(rows.all())


async def recover(stack: Stack, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "cli.main", "recover", *arguments),
        env={k: v for k, v in stack.signing_environment.items() if not is_seed(k)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


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
    # The relay would start them itself, within a minute: the command is for the impatient.
    await stack.stop_part("worker")
    next(stack.directory.path.rglob("temporal.made")).unlink()
    stack.kill("temporal")
    client = await Client.connect(stack.environment["TEMPORAL_ADDRESS"], lazy=True)

    async def looks() -> str | None:
        code, said = await recover(stack)
        return said if code == 1 and "nothing was changed" in said else None

    said = await wait_until(looks, "the server is back, and empty", 60)
    for outage_id in (declared, judged, disputed):
        assert f"outage/{outage_id}: " in said
    assert f"outage/{paid['id']}" not in said
    code, said = await recover(stack, "--apply")
    assert (code, "outage: 3 lost, 3 started" in said) == (0, True), said
    code, said = await recover(stack)
    assert (code, "nothing is lost" in said) == (0, True), said
    async with workers(stack, stack.directory.path / "workers.log") as process:
        await start(process, "none")
        for outage_id in (declared, judged, disputed):
            await wait_for_agreement(database, client, outage_id, 60)
        path = f"/sla/disputes/{dispute['id']}"
        decided = await api.patch(path, json={"action": "resolve", "mttr_minutes": 5})
        assert decided.status_code == 200, decided.text
        await wait_for_lifecycle(api, disputed, "closed", 60)
