"""
Journal and chain on a whole stack, with the schedule's own pace: hundreds of payments are no break,
and each kind of break that is planted is found within a minute.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.accounting.break_factory import UNKNOWN_HASH, TreasuryIntruder, tamper
from tests.testkit.accounting.fake_chain_history import store_confirmation
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    declare_outage,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.settlement.payment_factory import open_rail, owe_payment
from tests.testkit.stacks import Stacks

OUTAGES = 200
FOUND_WITHIN_SECONDS = 60


@pytest.fixture
async def reconciled(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Stack]:
    """
    A stack of its own, at its own pace: ledgers of a second, a comparison every 15 seconds. What is
    planted corrupts the journal too, and here it is reconciliation that shall stop it.
    """
    settings = {"INTEGRITY_CHECK_OPENS_CIRCUIT_BREAKER": "false"}
    # No relay: it would start a workflow for what the test owes by itself, which then finds its transfer.
    async with stacks.start(
        tmp_path / "data", ledger_seconds=1.0, settings=settings, relays=False
    ) as stack:
        yield stack


async def settle_many(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Settle whole outages, half of them penalties and half rewards; return their payments."""
    policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "decision_window_seconds": 1}
    (await api.post("/sla/policies", json=policy | {"terms": TERMS})).raise_for_status()
    outage_ids = [await declare_outage(api, policy=AT_ONCE) for _ in range(OUTAGES)]
    for index, outage_id in enumerate(outage_ids):
        await resolve_outage(api, outage_id, 5 if index % 2 else 25)
    # One after the other: two hundred who look at once keep the stack from its work.
    for outage_id in outage_ids:
        await wait_for_lifecycle(api, outage_id, "closed", 120)
    listed = await api.get("/payments", params={"page_size": 200, "type": "penalty"})
    payments: list[dict[str, Any]] = listed.json()["items"]
    return payments


async def status(api: httpx.AsyncClient) -> dict[str, Any]:
    shown: dict[str, Any] = (await api.get("/reconciliation")).json()
    return shown


async def breaks(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    listed = await api.get("/reconciliation/breaks", params={"page_size": 200})
    found: list[dict[str, Any]] = listed.json()["items"]
    return found


async def test_each_kind_of_planted_break_is_found_within_a_minute(reconciled: Stack) -> None:
    url = f"{reconciled.url}/api/v1"
    rail = open_rail(reconciled)
    database = Database(reconciled.environment["DATABASE_URL"], connections_max=2)
    async with httpx.AsyncClient(
        base_url=url, headers={"X-API-Key": KEY}, timeout=30, trust_env=False
    ) as api:
        penalties = await settle_many(api)

        async def all_match() -> bool:
            return bool((await status(api))["matched_transfers"] == OUTAGES)

        await wait_until(all_match, "every payment is matched", 60)
        assert await breaks(api) == []

        planted = time.monotonic()
        await plant(reconciled, database, TreasuryIntruder(reconciled, rail), penalties)

        async def found() -> bool:
            return len(await breaks(api)) >= 5

        await wait_until(found, "five breaks are found", FOUND_WITHIN_SECONDS)
        assert time.monotonic() - planted < FOUND_WITHIN_SECONDS
        await seen_once(api)
        await await_reports(reconciled, api)
        await nothing_more_leaves(api)
        await closed_into_suspense(api)
    await rail.close()
    await database.close()


async def plant(
    stack: Stack, database: Database, planter: TreasuryIntruder, penalties: list[dict[str, Any]]
) -> None:
    imagined = await owe_payment(database, "IMAGINED")
    unknown = await owe_payment(database, "UNKNOWN")
    numbers = await numbers_of(database)
    ledger = await planter.rail.get_latest_ledger()
    await store_confirmation(database, imagined, UNKNOWN_HASH, ledger)
    await planter.send(unknown.number, unknown.amount_stroops)
    await tamper(
        database,
        "UPDATE payments SET amount_stroops = amount_stroops + 1 WHERE id = :id",
        id=penalties[0]["id"],
    )
    await planter.invoke(numbers[penalties[1]["id"]], 70_000_000)
    await planter.send(None, 30_000_000)


async def numbers_of(database: Database) -> dict[str, int]:
    async with database.autocommit() as connection:
        rows = await connection.exec_driver_sql("SELECT id, number FROM payments")
        return {row.id: row.number for row in rows}


KINDS = {
    "missing_on_chain",
    "missing_in_journal",
    "amount_differs",
    "duplicate",
    "unexpected_outflow",
}


async def seen_once(api: httpx.AsyncClient) -> None:
    """Found again by the next runs, each is still one; its last observed moves on."""
    before = {each["id"]: each["last_seen_at"] for each in await breaks(api)}

    async def seen_again() -> bool:
        return all(each["last_seen_at"] > before[each["id"]] for each in await breaks(api))

    await wait_until(seen_again, "the breaks are seen again", 60)
    assert Counter(each["kind"] for each in await breaks(api)) == Counter(KINDS)
    assert (await status(api))["matched_transfers"] == OUTAGES - 1


async def await_reports(stack: Stack, api: httpx.AsyncClient) -> None:
    feed = (await api.get("/events", params={"limit": 1000})).json()
    while len(page := (await api.get("/events", params={"after": feed["next"]})).json()["items"]):
        feed["items"] += page
        feed["next"] = (await api.get("/events", params={"after": feed["next"]})).json()["next"]
    reported = [e for e in feed["items"] if e["type"] == "reconciliation.break_found"]
    assert Counter(event["data"]["kind"] for event in reported) == Counter(KINDS)
    assert {event["outage_id"] for event in reported} == {None}
    opened = [e for e in feed["items"] if e["type"] == "settlement.circuit_breaker_opened"]
    assert len(opened) == 1
    log = (stack.directory.logs / "worker.log").read_text()
    for each in await breaks(api):
        assert log.count(f"break {each['id']} ({each['kind']}") == 1


async def nothing_more_leaves(api: httpx.AsyncClient) -> None:
    """Until a person has looked at the money that nothing explains."""
    circuit_breaker = (await api.get("/payments/circuit-breaker")).json()
    named = {f"see break {each['id']}": each["kind"] for each in await breaks(api)}
    (kind,) = (kind for words, kind in named.items() if words in circuit_breaker["reason"])
    assert circuit_breaker["is_open"] is True
    assert kind in ("duplicate", "unexpected_outflow", "missing_in_journal")
    outage_id = await declare_outage(api, policy=AT_ONCE)
    await resolve_outage(api, outage_id, 25)

    async def states() -> list[str]:
        found = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
        return [each["state"] for each in found]

    async def is_on_hold() -> bool:
        return await states() == ["on_hold"]

    async def paid() -> bool:
        return await states() == ["confirmed"]

    await wait_until(is_on_hold, "the payment is held", 30)
    body = {"action": "close", "reason": "looked at every break"}
    (await api.post("/payments/circuit-breaker", json=body)).raise_for_status()
    await wait_until(paid, "the held payment is paid", 60)


async def closed_into_suspense(api: httpx.AsyncClient) -> None:
    """Each break's difference leaves the treasury in the journal as it left it on the chain."""

    async def balances() -> dict[str, int]:
        rows = (await api.get("/payments/ledger")).json()
        return {row["account"]: int(row["balance_stroops"]) for row in rows}

    before, moved = await balances(), 0
    for each in await breaks(api):
        path = f"/reconciliation/breaks/{each['id']}"
        (await api.post(f"{path}/owner", json={"owner": "Ada"})).raise_for_status()
        # Only a row was changed there: the entries say what the chain says.
        nothing = each["kind"] == "amount_differs"
        body = {"note": "planted by a test", "adjustment": "none" if nothing else "suspense"}
        closed = await api.post(f"{path}/close", json=body)
        assert closed.status_code == 200, closed.text
        assert (closed.json()["status"], closed.json()["owner"]) == ("closed", "Ada")
        assert (closed.json()["entry_id"] is None) == nothing
        assert (await api.post(f"{path}/close", json=body)).json() == closed.json()
        moved += 0 if nothing else int(each["chain_stroops"]) - int(each["journal_stroops"])
    after = await balances()
    assert after["suspense:reconciliation"] == moved
    left = [
        sum(amount for account, amount in each.items() if account.startswith("treasury:"))
        for each in (before, after)
    ]
    assert left[1] == left[0] - moved
    assert sum(after.values()) == 0
    assert set((await status(api))["open_breaks"].values()) == {0}
