"""
The data is restored from a backup and the chain is newer: what was paid stays paid, what is owed gets paid.

The chain goes on while everything else is put back as it was. Its own history is the witness: each outage
was paid exactly once, and closes with the transaction that has paid it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.postgres.accounting import invariants
from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.access.second_person import open_second_person
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import (
    AT_ONCE,
    TERMS,
    declare_outage,
    make_unique_id,
    resolve_patiently,
    wait_until,
)
from tests.testkit.recovery.backups import (
    DATABASE,
    keep_data,
    put_back,
    start_all_but_chain,
    stop_all_but_chain,
)
from tests.testkit.recovery.forgotten_decisions import (
    check_forgotten_decision,
    decide,
    dispute_outage,
    publish_policy,
)
from tests.testkit.stacks import Stacks
from tests.testkit.tiers.repetitions import count_rounds

CIRCUIT_BREAKER = "/payments/circuit-breaker"
OWED, IN_WINDOW, MORE = 8, 6, 6
WINDOW_SECONDS = 8


@pytest.fixture
async def restored(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Stack]:
    settings = {"CHAIN_READING_MAX_AGE_SECONDS": "5", "RECONCILIATION_EVERY_SECONDS": "1"}
    async with stacks.start(tmp_path / "data", ledger_seconds=0.5, settings=settings) as stack:
        yield stack


@pytest.fixture
async def caller(restored: Stack) -> AsyncIterator[httpx.AsyncClient]:
    client = httpx.AsyncClient(
        base_url=f"{restored.url}/api/v1",
        headers={"X-API-Key": KEY},
        timeout=30,
        trust_env=False,
    )
    async with client:
        for name, seconds in ((AT_ONCE, 0), ("window", WINDOW_SECONDS)):
            policy = {"name": name, "dispute_window_seconds": seconds, "terms": TERMS}
            (await client.post("/sla/policies", json=policy)).raise_for_status()
        await publish_policy(client)
        yield client


async def switch(caller: httpx.AsyncClient, action: str) -> None:
    answer = await caller.post(
        CIRCUIT_BREAKER, json={"action": action, "reason": "a person says so"}
    )
    answer.raise_for_status()


async def plan(stack: Stack, *faults: dict[str, Any]) -> None:
    url = f"{stack.environment['STELLAR_RPC_URL']}/faults"
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        (await client.post(url, json={"seed": 7, "faults": list(faults)})).raise_for_status()


async def owe_outages(caller: httpx.AsyncClient, count: int, policy: str) -> list[str]:
    """Outages with a repair at which a penalty is owed, each with an amount of its own."""
    found = []
    for place in range(count):
        outage_id = await declare_outage(caller, id=make_unique_id("RESTORED"), policy=policy)
        await resolve_patiently(caller, outage_id, 20 + place)
        found.append(outage_id)
    return found


async def read_payment(caller: httpx.AsyncClient, outage_id: str) -> dict[str, Any]:
    listed = (await caller.get("/payments", params={"outage_id": outage_id})).json()["items"]
    return listed[0] if listed else {"state": "none", "reason_code": None}


async def have_lifecycle(caller: httpx.AsyncClient, wanted: str, outage_ids: list[str]) -> bool:
    for outage_id in outage_ids:
        if (await caller.get(f"/outages/{outage_id}")).json()["lifecycle"] != wanted:
            return False
    return True


async def are_closed(caller: httpx.AsyncClient, outage_ids: list[str]) -> bool:
    """Tell whether all are closed; close the circuit breaker as a person would, whenever it is open."""
    if (await caller.get(CIRCUIT_BREAKER)).json()["is_open"]:
        await switch(caller, "close")
    return await have_lifecycle(caller, "closed", outage_ids)


async def wait_until_closed(caller: httpx.AsyncClient, outage_ids: list[str]) -> dict[str, str]:
    """Wait until all are closed; return the transaction that each closed with."""
    await wait_until(partial(have_lifecycle, caller, "closed", outage_ids), "all are closed", 90)
    payments = [await read_payment(caller, outage_id) for outage_id in outage_ids]
    return {row["outage_id"]: row["transaction_hash"] for row in payments}


async def list_paid(stack: Stack) -> Counter[int]:
    seen = await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    return Counter(transfer.number for transfer in seen)


async def live_and_lose_it(
    stack: Stack,
    caller: httpx.AsyncClient,
    folder: Path,
    after: Callable[[], Awaitable[None]] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """
    Take a backup with payments on hold and verdicts in their window; let all of them be paid, and do something more;
    and stop. Return the outages, and the transaction that each was paid by.
    """
    await switch(caller, "open")
    owed = await owe_outages(caller, OWED, AT_ONCE)
    await wait_until(partial(have_lifecycle, caller, "settling", owed), "they are owed")
    outage_ids = owed + await owe_outages(caller, IN_WINDOW, "window")
    await stop_all_but_chain(stack)
    await keep_data(stack, folder)
    await start_all_but_chain(stack)
    await switch(caller, "close")
    if after is not None:
        await after()
    paid = await wait_until_closed(caller, outage_ids)
    assert set((await list_paid(stack)).values()) == {1}
    await stop_all_but_chain(stack)
    return outage_ids, paid


async def assert_paid_once(
    stack: Stack, caller: httpx.AsyncClient, paid: dict[str, str], others: int = 0
) -> None:
    """Check that all are closed by the transactions that paid them; so many `others` were paid in earlier rounds."""
    await wait_until(partial(are_closed, caller, list(paid)), "all are closed", 120)
    assert await wait_until_closed(caller, list(paid)) == paid
    transfers = await list_paid(stack)
    assert (len(transfers), set(transfers.values())) == (len(paid) + others, {1})


async def restore(stack: Stack, folder: Path, number: int, *faults: dict[str, Any]) -> None:
    """Put the backup back while the chain goes on, which begins with faults; again in each round."""
    if number:
        await stop_all_but_chain(stack)
    await put_back(stack, folder)
    await plan(stack, *faults)
    await start_all_but_chain(stack)


async def list_violations(stack: Stack) -> list[str]:
    database = Database(stack.environment["DATABASE_URL"], connections_max=1)
    async with database.transaction() as connection:
        found = await invariants.check(connection)
    await database.close()
    return [
        f"{each.invariant}: {each.subject}: {each.detail}" for each in found if not each.overdue
    ]


async def read_actions(stack: Stack, subject: str) -> list[str]:
    database = Database(stack.environment["DATABASE_URL"], connections_max=1)
    async with database.autocommit() as connection:
        trail = await read_trail(connection, subject)
    await database.close()
    return [entry["action"] for entry in trail]


async def test_what_the_chain_has_paid_is_confirmed_and_not_paid_again(
    restored: Stack, caller: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with await open_second_person(caller) as decider:
        decided, dispute_id = await dispute_outage(caller)
        outage_ids, paid = await live_and_lose_it(
            restored, caller, tmp_path / "backup", partial(decide, decider, decided, dispute_id)
        )
    for number in count_rounds("restored"):
        await restore(restored, tmp_path / "backup", number)
        await assert_paid_once(restored, caller, paid, number * MORE + 1)
        assert await list_violations(restored) == []
        noticed = await read_actions(restored, "installation/settlement")
        assert noticed.count("installation.behind_chain") == 1
        actions = await read_actions(restored, f"outage/{outage_ids[0]}")
        assert "payment.confirmed_from_chain" in actions
        # And life goes on, on the channels whose sequences the database had forgotten.
        more = await owe_outages(caller, MORE, AT_ONCE)
        await wait_until(partial(are_closed, caller, more), "all are closed", 120)
        await check_forgotten_decision(caller, decided)
        transfers = await list_paid(restored)
        assert (len(transfers), set(transfers.values())) == (
            len(paid) + (number + 1) * MORE + 1,
            {1},
        )
        assert await list_violations(restored) == []


async def test_nothing_is_signed_while_the_chain_cannot_be_read(
    restored: Stack, caller: httpx.AsyncClient, tmp_path: Path
) -> None:
    _, paid = await live_and_lose_it(restored, caller, tmp_path / "backup")
    for number in count_rounds("unread"):
        fault = {"kind": "too_many_requests", "method": "getEvents"}
        await restore(restored, tmp_path / "backup", number, fault)
        await switch(caller, "close")
        await check_unread(restored, caller, paid)
        await plan(restored)
        await assert_paid_once(restored, caller, paid)
        assert await list_violations(restored) == []


async def check_unread(stack: Stack, caller: httpx.AsyncClient, paid: dict[str, str]) -> None:
    """Check that for as long as the chain cannot be read nothing is signed, and everybody is told so."""

    async def all_unread() -> bool:
        found = [await read_payment(caller, outage_id) for outage_id in paid]
        return {row["reason_code"] for row in found} == {"chain_unread"}

    await wait_until(all_unread, "each payment says that the chain is not read", 60)
    # For longer than the bound, with somebody who closes whatever opens.
    for _ in range(8):
        await asyncio.sleep(1)
        if (await caller.get(CIRCUIT_BREAKER)).json()["is_open"]:
            await switch(caller, "close")
    assert await all_unread()
    assert (await list_paid(stack)).total() == len(paid)
    assert "chain_unread" in (await caller.get("/health/readiness")).text
    log = (stack.directory.logs / "settlement-worker.log").read_text()
    assert "ALARM: the transfers on the chain are not read up to ledger" in log


async def test_new_outages_of_a_restored_database_are_paid_by_transfers_of_their_own(
    restored: Stack, caller: httpx.AsyncClient, tmp_path: Path
) -> None:
    """The workflow server was not restored: only the database forgot."""
    await stop_all_but_chain(restored)
    await keep_data(restored, tmp_path / "backup")
    await start_all_but_chain(restored)
    forgotten = await wait_until_closed(caller, await owe_outages(caller, MORE, AT_ONCE))
    for _ in count_rounds("numbers"):
        await stop_all_but_chain(restored)
        await put_back(restored, tmp_path / "backup", [DATABASE])
        await start_all_but_chain(restored)
        forgotten |= await pay_more(restored, caller, forgotten)


async def pay_more(
    stack: Stack, caller: httpx.AsyncClient, forgotten: dict[str, str]
) -> dict[str, str]:
    """Pay outages that no forgotten transfer has paid; return the transaction of each."""
    again = await owe_outages(caller, MORE, AT_ONCE)
    await wait_until(partial(are_closed, caller, again), "all are closed", 120)
    paid = await wait_until_closed(caller, again)
    assert set(paid.values()) & set(forgotten.values()) == set()
    transfers = await list_paid(stack)
    assert (len(transfers), set(transfers.values())) == (len(again) + len(forgotten), {1})
    for outage_id in again:
        assert transfers[int((await read_payment(caller, outage_id))["number"])] == 1
    assert await list_violations(stack) == []
    return paid
