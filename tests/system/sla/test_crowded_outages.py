"""
Many commands about one outage: at once, on a machine that is busy with something else, or one after the
other for days. Database and workflow agree afterwards, and what was answered is what happens.

    CROWDS=40 FEED=2000 python -m pytest tests/system/sla/test_crowded_outages.py
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from tests.testkit.access.second_person import open_second_person
from tests.testkit.api_client import (
    TERMS,
    build_outage,
    declare_outage,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.stacks import Stacks
from tests.testkit.tiers.repetitions import count_rounds
from tests.testkit.truth import open_api, wait_for_agreement

CROWDS = int(os.environ.get("CROWDS", "4"))
# Enough that the workflow continues as new: each correction adds some seven events to its history.
FEED = int(os.environ.get("FEED", "700"))
COMMANDS = 50
KNOWN_WITHIN_SECONDS = 15
ANSWERED_WITHIN_SECONDS = 20
BUSY = "while True: pass"


@pytest.fixture(scope="module")
async def stack(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path_factory.mktemp("crowd") / "data") as running:
        yield running


@pytest.fixture(scope="module")
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with open_api(stack) as opened:
        policy = {
            "name": "short",
            "dispute_window_seconds": 2,
            "decision_window_seconds": 1,
            "terms": TERMS,
        }
        assert (await opened.post("/sla/policies", json=policy)).status_code == 201
        yield opened


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    opened = Database(stack.environment["DATABASE_URL"], connections_max=4)
    yield opened
    await opened.close()


@pytest.fixture
async def client(stack: Stack) -> Client:
    return await Client.connect(stack.environment["TEMPORAL_ADDRESS"])


@asynccontextmanager
async def busy_cores() -> AsyncIterator[None]:
    """Load both cores with something else."""
    loads = [await asyncio.create_subprocess_exec(sys.executable, "-c", BUSY) for _ in range(2)]
    try:
        yield
    finally:
        for load in loads:
            load.kill()
            await load.wait()


async def ask(
    api: httpx.AsyncClient, kind: str, body: dict[str, Any], outage_id: str, n: int
) -> tuple[str, httpx.Response, float]:
    path, began = f"/outages/{outage_id}", time.monotonic()
    if kind == "resolve":
        answer = await api.post(f"{path}/resolve", json={"mttr_minutes": 16 + n})
    elif kind == "amend":
        answer = await api.put(path, json={"description": f"correction {n}"})
    elif kind == "dispute":
        answer = await api.post("/sla/disputes", json={"outage_id": outage_id, "reason": f"{n}"})
    elif kind == "cancel":
        answer = await api.post(f"{path}/cancel", json={"reason": f"a false alarm {n}"})
    else:
        answer = await api.post("/outages", json=body)
    return kind, answer, time.monotonic() - began


@pytest.mark.parametrize("crowd", range(CROWDS))
async def test_a_crowd_of_commands_leaves_database_and_workflow_agreed(
    api: httpx.AsyncClient, database: Database, client: Client, seed: int, crowd: int
) -> None:
    luck = random.Random(seed + crowd)
    body = build_outage(policy="short")
    assert (await api.post("/outages", json=body)).status_code == 201
    outage_id = body["id"]
    kinds = luck.choices(
        ["resolve", "amend", "declare", "dispute", "cancel"], [40, 25, 20, 14, 1], k=COMMANDS
    )
    async with busy_cores():
        answers = await asyncio.gather(
            *(ask(api, kind, body, outage_id, n) for n, kind in enumerate(kinds))
        )
        codes = Counter((kind, answer.status_code) for kind, answer, _ in answers)
        assert {code for _, code in codes} <= {200, 201, 202, 409, 503}, codes
        assert max(took for _, _, took in answers) < ANSWERED_WITHIN_SECONDS
        await wait_for_agreement(database, client, outage_id, KNOWN_WITHIN_SECONDS)
    resolved = [a.json() for kind, a, _ in answers if (kind, a.status_code) == ("resolve", 200)]
    assert len(resolved) <= 1, codes
    if not resolved:
        return
    await wait_for_lifecycle(api, outage_id, "closed", 60)
    paid = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
    assert [payment["amount"] for payment in paid] == [resolved[0]["payment"]["amount"]]


async def test_of_many_resolves_at_once_one_is_answered_and_the_others_learn_of_it(
    api: httpx.AsyncClient,
) -> None:
    outage_id = await declare_outage(api)
    path = f"/outages/{outage_id}/resolve"
    answers = await asyncio.gather(
        *(api.post(path, json={"mttr_minutes": 16 + n}) for n in range(COMMANDS))
    )
    codes = Counter(answer.status_code for answer in answers)
    assert codes == {200: 1, 409: COMMANDS - 1}
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert "is disputable and cannot be resolved" in refused.json()["detail"]


async def test_of_two_decisions_at_the_deadline_the_answer_is_what_is_paid(
    api: httpx.AsyncClient, seed: int
) -> None:
    luck = random.Random(seed)
    async with await open_second_person(api) as decider:
        for _ in count_rounds("decided at the deadline"):
            outage_id = await declare_outage(api, policy="short")
            await resolve_outage(api, outage_id)
            objection = {"outage_id": outage_id, "reason": "the power was out"}
            dispute = (await api.post("/sla/disputes", json=objection)).json()
            deadline = datetime.fromisoformat(dispute["decision_deadline"])
            # Some are asked before it, some after, and the answer to either is true.
            left = (deadline - datetime.now(UTC)).total_seconds() + luck.uniform(-0.3, 0.1)
            await asyncio.sleep(max(0.0, left))
            path = f"/sla/disputes/{dispute['id']}"
            answers = await asyncio.gather(
                decider.patch(path, json={"action": "reject"}),
                decider.patch(path, json={"action": "resolve", "mttr_minutes": 8}),
            )
            codes = [answer.status_code for answer in answers]
            assert sorted(codes) in ([200, 409], [409, 409]), [each.text for each in answers]
            await wait_for_lifecycle(api, outage_id, "closed", 60)
            decided = (await api.get(path)).json()["status"]
            assert decided == {(200, 409): "rejected", (409, 200): "resolved"}.get(
                (codes[0], codes[1]), "expired"
            )
            paid = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
            # A penalty of the first verdict, or a reward of the second: one payment in any case.
            wanted = ("reward", 1125, 2) if decided == "resolved" else ("penalty", 1000, 1)
            assert [(each["type"], each["amount"], each["revision"]) for each in paid] == [wanted]
            print(f"{decided}: {codes}")


async def test_the_same_resolve_asked_at_once_and_again_has_one_answer(
    api: httpx.AsyncClient,
) -> None:
    outage_id = await declare_outage(api)
    path, headers = f"/outages/{outage_id}/resolve", {"Idempotency-Key": "one and the same"}

    async def resolves() -> httpx.Response:
        """As a careful caller: whoever comes while it is being carried out comes again."""
        while True:
            answer = await api.post(path, json={"mttr_minutes": 25}, headers=headers)
            if answer.status_code != 409:
                return answer
            assert answer.json()["type"].endswith("request_in_flight"), answer.text
            await asyncio.sleep(int(answer.headers["Retry-After"]))

    answers = [*await asyncio.gather(*(resolves() for _ in range(10))), await resolves()]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["sla"]["amount"] for answer in answers}) == 1


async def test_a_monitor_that_repeats_itself_costs_the_workflow_nothing(
    api: httpx.AsyncClient, client: Client
) -> None:
    body = build_outage()
    assert (await api.post("/outages", json=body)).status_code == 201
    handle = client.get_workflow_handle(f"outage/{body['id']}")
    await handle.query("state")  # it has done its first task
    before = (await handle.describe()).history_length
    for _ in range(FEED):
        assert (await api.post("/outages", json=body)).status_code == 200
    assert (await handle.describe()).history_length == before
    await resolve_outage(api, body["id"])


async def test_an_outage_that_is_corrected_for_days_continues_as_new_and_is_resolved(
    api: httpx.AsyncClient, client: Client
) -> None:
    outage_id = await declare_outage(api)
    first = (await client.get_workflow_handle(f"outage/{outage_id}").describe()).run_id
    for n in range(FEED):

        async def amends(n: int = n) -> bool:
            change = {"description": f"correction {n}"}
            answer = await api.put(f"/outages/{outage_id}", json=change)
            assert answer.status_code in (200, 503), answer.text
            return answer.status_code == 200

        await wait_until(amends, f"correction {n} is accepted")
    assert (await client.get_workflow_handle(f"outage/{outage_id}").describe()).run_id != first
    await resolve_outage(api, outage_id)
    shown = (await api.get(f"/outages/{outage_id}")).json()
    assert shown["description"] == f"correction {FEED - 1}"
