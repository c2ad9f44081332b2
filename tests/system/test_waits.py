"""
What an operator asks the list of workflows: one query names whatever waits, for what, since when, with how much.

On one stack, with every way to wait that a person can bring about. Two are not met here: quarantine (`review`), by
tests/workflows, and a treasury that lacks something (`treasury`).
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client, WorkflowExecution

from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.api_client import (
    AT_ONCE,
    START,
    TERMS,
    declare_outage,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.settlement.approval_client import CIRCUIT_BREAKER, wait_for_payment
from tests.testkit.stacks import Stacks
from workflows.visibility.queries import QUERIES
from workflows.visibility.search_attributes import AMOUNT, DEADLINE, WAITS_FOR, WAITS_SINCE

LIMITS = {"SETTLEMENT_APPROVAL_ABOVE": "1200", "SETTLEMENT_CAP_PER_PAYMENT": "5000"}
LONG = "long"
PEOPLE, OUTAGES = QUERIES["who waits for a person"], QUERIES["every outage in flight"]
DAY = timedelta(days=1)
STOPPED = ["approval", "cap", "payee", "halt"]


@pytest.fixture
async def limited(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path / "data", settings=LIMITS) as stack:
        yield stack


@pytest.fixture
async def office(limited: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"{limited.url}/api/v1", headers={"X-API-Key": KEY}, timeout=30, trust_env=False
    ) as client:
        for name, seconds in ((AT_ONCE, 0), (LONG, DAY // timedelta(seconds=1))):
            policy = {"name": name, "dispute_window_seconds": seconds, "terms": TERMS}
            (await client.post("/sla/policies", json=policy)).raise_for_status()
        yield client


@pytest.fixture
async def chain(limited: Stack) -> AsyncIterator[httpx.AsyncClient]:
    url = limited.environment["STELLAR_RPC_URL"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        yield client


async def make_everything_wait(
    office: httpx.AsyncClient, chain: httpx.AsyncClient, payee: str
) -> None:
    """Bring about each way to wait, by an outage that has the name of what it waits for."""
    await declare_outage(office, id="repair", policy=LONG)
    for name in ("window", "decision"):
        await declare_outage(office, id=name, policy=LONG)
        await resolve_outage(office, name)
    objection = {"outage_id": "decision", "reason": "the power was out"}
    (await office.post("/sla/disputes", json=objection)).raise_for_status()
    for name, minutes in (("approval", 30), ("cap", 70)):
        await owe(office, name, minutes)
        await wait_for_payment(office, name, "on_hold")
    faults = [{"kind": "removed_trustline", "address": payee}]
    (await chain.post("/faults", json={"seed": 7, "faults": faults})).raise_for_status()
    await owe(office, "payee", 25)
    await wait_for_payment(office, "payee", "blocked")
    await switch(office, "open")
    await owe(office, "halt", 25)
    await wait_for_payment(office, "halt", "on_hold")


async def owe(office: httpx.AsyncClient, outage_id: str, minutes: int) -> None:
    await declare_outage(office, id=outage_id, policy=AT_ONCE)
    await resolve_outage(office, outage_id, minutes)


async def switch(office: httpx.AsyncClient, action: str) -> None:
    asked = {"action": action, "reason": "to see who waits"}
    (await office.post(CIRCUIT_BREAKER, json=asked)).raise_for_status()


async def ask(temporal: Client, query: str) -> dict[str, WorkflowExecution]:
    return {each.id: each async for each in temporal.list_workflows(query)}


def list_words(found: dict[str, WorkflowExecution]) -> dict[str, Any]:
    return {id_: each.typed_search_attributes.get(WAITS_FOR) for id_, each in found.items()}


async def shows(temporal: Client, query: str, wanted: dict[str, str]) -> dict[str, Any]:
    """Wait until a query finds this; what was written shows in the list a moment later."""

    async def look() -> dict[str, WorkflowExecution] | None:
        found = await ask(temporal, query)
        return found if list_words(found) == wanted else None

    try:
        found = await wait_until(look, "the list shows who waits for what")
    except AssertionError:
        assert list_words(await ask(temporal, query)) == wanted
        raise
    return {id_: each.typed_search_attributes for id_, each in found.items()}


async def go_on(office: httpx.AsyncClient, chain: httpx.AsyncClient) -> None:
    """Remove what stops two payments, and wait until both outages are closed."""
    (await chain.post("/faults", json={"faults": []})).raise_for_status()
    await switch(office, "close")
    blocked = await wait_for_payment(office, "payee", "blocked")
    (await office.post(f"/payments/{blocked['id']}/retry")).raise_for_status()
    for name in ("payee", "halt"):
        await wait_for_lifecycle(office, name, "closed")


async def test_one_query_names_whatever_waits_for_a_person_since_when_and_with_how_much(
    limited: Stack, office: httpx.AsyncClient, chain: httpx.AsyncClient
) -> None:
    began = datetime.now(UTC)
    temporal = await Client.connect(limited.environment["TEMPORAL_ADDRESS"])
    await make_everything_wait(office, chain, limited.environment["STELLAR_BENEFICIARY_ADDRESS"])
    waiting = {f"outage/{word}": word for word in ["decision", *STOPPED]}
    waiting |= {f"payment/{word}/1": word for word in STOPPED}
    found = await shows(temporal, PEOPLE, waiting)
    for shown in found.values():
        assert began <= shown.get(WAITS_SINCE) <= datetime.now(UTC)
    assert {id_: shown.get(AMOUNT) for id_, shown in found.items() if "outage/" in id_} == {
        "outage/decision": 1000,
        "outage/approval": 1500,
        "outage/cap": 5500,
        "outage/payee": 1000,
        "outage/halt": 1000,
    }
    decide_until = found["outage/decision"].get(DEADLINE)
    assert decide_until > found["outage/decision"].get(WAITS_SINCE)

    every = {f"outage/{word}": word for word in ["repair", "window", "decision", *STOPPED]}
    found = await shows(temporal, OUTAGES, every)
    assert found["outage/repair"].get(WAITS_SINCE) == START
    window = found["outage/window"]
    assert window.get(DEADLINE) - window.get(WAITS_SINCE) == DAY
    over = await ask(temporal, QUERIES["what is owed over 1,000 USDC"])
    assert set(over) == {"outage/approval", "outage/cap"}

    # What goes on is no longer listed, and says in the end that it waits for nothing.
    await go_on(office, chain)
    for name in ("payee", "halt"):
        for id_ in (f"outage/{name}", f"payment/{name}/1"):
            waiting.pop(id_)
            await shows(temporal, f"WorkflowId = '{id_}'", {id_: "nothing"})
    await shows(temporal, PEOPLE, waiting)
    # Scheduled work is a row each, and nothing more but a job a day.
    scheduled = await ask(temporal, "TaskQueue = 'analytics' AND WorkflowType != 'JobWorkflow'")
    names = ("reconciliation", "integrity-check", "snapshots")
    assert set(scheduled) == {f"schedule/{name}" for name in names}
