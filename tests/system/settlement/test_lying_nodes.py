"""
Nodes that lie, on a whole stack, with the chain's own ledger as the witness: nobody is paid twice, nobody
is told paid who was not, and nothing stands still without a sentence.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    declare_outage,
    resolve_patiently,
    wait_until,
)
from tests.testkit.processes.commands import run_command
from tests.testkit.stacks import Stacks
from tests.testkit.tiers.repetitions import count_rounds

SHOWS = ("sendTransaction", "getTransaction", "getTransactions", "getLedgerEntries")
LOOKUPS = ("getTransaction", "getTransactions")
SETTINGS = {"RECONCILIATION_EVERY_SECONDS": "1"}
Fault = dict[str, Any]


@pytest.fixture
async def lied_to(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Stack]:
    """A stack of its own, since its circuit breaker opens, with a fast chain of three nodes."""
    async with stacks.start(tmp_path / "data", settings=SETTINGS) as stack:
        yield stack


@pytest.fixture
async def people(lied_to: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"{lied_to.url}/api/v1", headers={"X-API-Key": KEY}, timeout=30, trust_env=False
    ) as api:
        policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "decision_window_seconds": 1}
        (await api.post("/sla/policies", json=policy | {"terms": TERMS})).raise_for_status()
        yield api


def find_chain(stack: Stack) -> str:
    return stack.environment["STELLAR_RPC_URL"].split(",")[0].partition("/node")[0]


async def plan(stack: Stack, *faults: Fault) -> None:
    async with httpx.AsyncClient(base_url=find_chain(stack), trust_env=False, timeout=10) as chain:
        (await chain.post("/faults", json={"faults": list(faults)})).raise_for_status()


async def owe(api: httpx.AsyncClient, count: int = 1) -> list[str]:
    outage_ids = [await declare_outage(api, policy=AT_ONCE) for _ in range(count)]
    for outage_id in outage_ids:
        await resolve_patiently(api, outage_id)
    return outage_ids


async def payment_of(api: httpx.AsyncClient, outage_id: str) -> dict[str, Any]:
    listed = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
    return dict(listed[0]) if listed else {"state": "", "reason_code": None}


async def wait_for_states(
    api: httpx.AsyncClient, outage_ids: list[str], state: str, seconds: float = 60
) -> list[dict[str, Any]]:
    async def reached() -> list[dict[str, Any]] | None:
        found = [await payment_of(api, each) for each in outage_ids]
        return found if all(each["state"] == state for each in found) else None

    found: list[dict[str, Any]] = await wait_until(reached, f"payments are {state}", seconds)
    return found


async def count_credits(stack: Stack, payments: list[dict[str, Any]]) -> list[int]:
    """Return how often the chain has credited each payment, by the number it carries; a node that is honest says so."""
    seen = Counter(
        each.number for each in await chain_history.list_transfers(f"{find_chain(stack)}/node/1")
    )
    return [seen[int(payment["number"])] for payment in payments]


async def is_halted(api: httpx.AsyncClient) -> bool:
    return bool((await api.get("/payments/circuit-breaker")).json()["is_open"])


async def close_circuit_breaker(api: httpx.AsyncClient) -> None:
    body = {"action": "close", "reason": "the node was taken out"}
    (await api.post("/payments/circuit-breaker", json=body)).raise_for_status()


async def test_one_of_two_nodes_calls_what_was_applied_failed(
    lied_to: Stack, people: httpx.AsyncClient
) -> None:
    """Outvoted by two, it stops nothing; of two, it is told within a minute, then everything new stops."""
    for _ in count_rounds("called failed"):
        await call_applied_failed(lied_to, people)
        await close_circuit_breaker(people)


async def call_applied_failed(lied_to: Stack, people: httpx.AsyncClient) -> None:
    lies = [{"kind": "lying_failed", "node": 0, "method": method} for method in LOOKUPS]
    await plan(lied_to, *lies)
    outvoted = await wait_for_states(people, await owe(people, 4), "confirmed")
    assert await count_credits(lied_to, outvoted) == [1] * 4

    await plan(lied_to, *lies, {"kind": "node_down", "node": 2})
    outage_ids = await owe(people, 3)

    async def reports() -> bool:
        found = [await payment_of(people, each) for each in outage_ids]
        return all(each["reason_code"] == "nodes_disagree" for each in found)

    await wait_until(reports, "the payments say that the nodes disagree", 60)
    doubted = await wait_for_states(people, outage_ids, "submitted")
    assert "shows it failed in ledger" in doubted[0]["status_reason"]
    assert "shows it applied in ledger" in doubted[0]["status_reason"]
    await wait_until(lambda: is_halted(people), "it lasts, and the circuit breaker opens", 120)
    assert await count_credits(lied_to, doubted) == [1] * 3

    await plan(lied_to)
    settled = await wait_for_states(people, outage_ids, "confirmed", 120)
    assert await count_credits(lied_to, settled) == [1] * 3
    assert {(each["reason_code"], each["status_reason"]) for each in settled} == {(None, None)}
    for payment in settled:
        trace = (await people.get(f"/payments/{payment['id']}/trace")).json()
        assert {attempt["n"] for attempt in trace["attempts"]} == {1}


async def test_bytes_that_one_node_keeps_and_shows_as_applied_are_not_confirmed(
    lied_to: Stack, people: httpx.AsyncClient
) -> None:
    for _ in count_rounds("kept and shown"):
        await keep_and_show(lied_to, people)


async def keep_and_show(lied_to: Stack, people: httpx.AsyncClient) -> None:
    # All is sent to the one that keeps it: the others take nothing, and still know what is in the ledgers.
    away = [{"kind": "reset_before", "node": node, "method": "sendTransaction"} for node in (1, 2)]
    await plan(lied_to, {"kind": "lying_success", "node": 0}, *away)
    outage_ids = await owe(people, 6)

    async def reports() -> bool:
        found = [await payment_of(people, each) for each in outage_ids]
        return any(each["reason_code"] == "nodes_disagree" for each in found)

    await wait_until(reports, "a payment says that the nodes disagree", 60)
    await plan(lied_to)

    async def settled() -> list[dict[str, Any]] | None:
        # A disagreement that lasted halts all, at whatever moment: a person goes on from there.
        if await is_halted(people):
            await close_circuit_breaker(people)
        found = [await payment_of(people, each) for each in outage_ids]
        return found if all(each["state"] == "confirmed" for each in found) else None

    confirmed: list[dict[str, Any]] = await wait_until(settled, "payments are confirmed", 120)
    assert await count_credits(lied_to, confirmed) == [1] * 6


async def reopen(stack: Stack, payment_id: str) -> str:
    asked = ("payments", "reopen", payment_id, "--by", "Ada")
    asked += ("--note", "two nodes of one provider lied")
    given = {**os.environ, **stack.environment}
    run = partial(run_command, "cli.main", *asked, environment=given, merged=True)
    ended = await asyncio.to_thread(run)
    return ended.stdout if ended.returncode == 0 else f"refused: {ended.stdout}"


async def test_what_two_nodes_lied_about_halts_and_is_reopened_and_paid_once(
    lied_to: Stack, people: httpx.AsyncClient
) -> None:
    lies = [
        {"kind": "lying_success", "node": node, "method": each} for each in SHOWS for node in (0, 1)
    ]
    drop = {"kind": "dropped_transaction", "node": 2, "method": "sendTransaction"}
    await plan(lied_to, *lies, drop)
    outage_ids = await owe(people)
    (believed,) = await wait_for_states(people, outage_ids, "confirmed")
    await plan(lied_to)
    assert await count_credits(lied_to, [believed]) == [0]

    await wait_until(lambda: is_halted(people), "reconciliation halts settlement", 60)
    shown = (await people.get("/payments/circuit-breaker")).json()
    assert shown["reason"].startswith("missing_on_chain transfer, see break brk_")
    said: list[str] = []

    async def reopened() -> bool:
        said.append(await reopen(lied_to, believed["id"]))
        return said[-1].startswith(f"reopened {believed['id']}")

    await wait_until(reopened, "the payment is reopened once its bytes are dead", 90)
    assert all(each.startswith("refused: apexchainx: ") for each in said[:-1]), said
    await close_circuit_breaker(people)
    (settled,) = await wait_for_states(people, outage_ids, "confirmed", 90)
    assert settled["transaction_hash"] != believed["transaction_hash"]
    assert await count_credits(lied_to, [settled]) == [1]
    breaks = (await people.get("/reconciliation/breaks")).json()["items"]
    assert [(each["kind"], each["status"]) for each in breaks] == [("missing_on_chain", "closed")]
    # The channel that was on record ahead of the chain serves again, without a person.
    more = await wait_for_states(people, await owe(people, 8), "confirmed", 120)
    assert await count_credits(lied_to, more) == [1] * 8


async def test_sequences_shown_too_high_at_a_start_stop_nothing(
    lied_to: Stack, people: httpx.AsyncClient
) -> None:
    """By one node, which is outvoted; and by all of them, after which the book is set back by itself."""
    for _ in count_rounds("shown too high"):
        await show_sequences_too_high(lied_to, people)


async def show_sequences_too_high(lied_to: Stack, people: httpx.AsyncClient) -> None:
    for nodes in ((0,), (0, 1, 2)):
        before = lied_to.restarts.get("settlement-worker", 0)
        await plan(
            lied_to,
            *({"kind": "high_sequence", "node": node, "value": 5000} for node in nodes),
        )
        lied_to.kill("settlement-worker")

        async def restarted(before: int = before) -> bool:
            return lied_to.restarts.get("settlement-worker", 0) > before

        await wait_until(restarted, "the worker starts again", 60)
        outage_ids = await owe(people, 3)
        if nodes == (0,):
            await wait_for_states(people, outage_ids, "confirmed", 90)
        else:
            await asyncio.sleep(15)  # as long as the lie lasts at the start
        await plan(lied_to)
        settled = await wait_for_states(people, outage_ids, "confirmed", 180)
        assert await count_credits(lied_to, settled) == [1] * 3


async def test_a_clock_that_is_a_quarter_of_an_hour_slow_is_reported_and_stops_nothing(
    lied_to: Stack, people: httpx.AsyncClient
) -> None:
    await plan(lied_to, {"kind": "ledger_clock_offset", "value": 900})
    settled = await wait_for_states(people, await owe(people, 3), "confirmed", 90)
    assert await count_credits(lied_to, settled) == [1] * 3

    async def reports() -> bool:
        return "clock_differs" in (await people.get("/health/readiness")).text

    await wait_until(reports, "readiness says that the clock differs", 60)
    log = (lied_to.directory.logs / "settlement-worker.log").read_text()
    said = r"ALARM: the clock of this machine is (8|9)\d0 seconds behind the time at which ledgers close"
    assert re.search(said, log)
