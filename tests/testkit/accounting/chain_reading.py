"""What tests of reading the chain plan for it, and what they compare its record with."""

from collections.abc import Callable
from typing import Any

import httpx
from stellar_sdk.soroban_rpc import GetEventsResponse

from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from tests.testkit.accounting import chain_history
from tests.testkit.accounting.recorded_transfers import list_transfers
from tests.testkit.api_client import wait_until


async def plan_faults(stack: Stack, *wanted: dict[str, Any]) -> None:
    url = stack.environment["STELLAR_RPC_URL"]
    async with httpx.AsyncClient(base_url=url, trust_env=False) as chain:
        (await chain.post("/faults", json={"faults": list(wanted)})).raise_for_status()


async def list_stored(scratch: Database, hash_: str) -> list[Any]:
    async with scratch.autocommit() as connection:
        rows = await list_transfers(connection)
    return [row for row in rows if row["transaction_hash"] == hash_]


async def list_all_stored(scratch: Database) -> list[tuple[str, int, int]]:
    async with scratch.autocommit() as connection:
        rows = await list_transfers(connection)
    return sorted(
        (row["transaction_hash"], int(row["number"]), row["amount_stroops"])
        for row in rows
        if row["kind"] == "transfer" and row["number"] is not None
    )


async def read_chain_history(stack: Stack) -> list[tuple[str, int, int]]:
    bond = stack.environment["STELLAR_BOND_ADDRESS"]
    return sorted(
        (seen.hash, seen.number, seen.amount_stroops)
        for seen in await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
        if seen.payer == bond
    )


def fail_at_table(table: str, upsert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def writing(wanted: Any) -> Any:
        if wanted.name == table:
            raise SystemError("killed")
        return upsert(wanted)

    return writing


def cut_topics(answer: GetEventsResponse) -> None:
    """Give each event the topics of something that was not asked for."""
    for event in answer.events:
        event.topic = event.topic[:1]


def put_cursor_before_events(answer: GetEventsResponse) -> None:
    """Say that the ledgers of the page's own events were not searched."""
    if answer.events:
        answer.cursor = f"{(answer.events[-1].ledger - 1) << 32}-0"


async def wait_for_ledger(rail: Rail, ledger: int) -> None:
    async def is_past() -> bool:
        return await rail.get_latest_ledger() > ledger

    await wait_until(is_past, f"ledger {ledger} has closed")
