"""
A second engine on a copy of everything, with the same keys: it stops before it signs, and pays only when a person
says that it takes over; then the first one stops. The chain's own history is the witness.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from devstack.environment.postgres import Postgres
from devstack.environment.stack import SIGNER, Stack
from tests.conftest import KEY
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
    WORKFLOWS,
    keep_data,
    start_all_but_chain,
    stop_all_but_chain,
)
from tests.testkit.settlement import signers
from tests.testkit.stacks import Stacks
from tests.testkit.tiers.repetitions import REPEAT, count_rounds

OUTAGES, MORE = 25, 5
SETTINGS = {"CHAIN_READING_MAX_AGE_SECONDS": "5", "RECONCILIATION_EVERY_SECONDS": "1"}
CIRCUIT_BREAKER = "/payments/circuit-breaker"


@asynccontextmanager
async def calling(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    client = httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1", headers={"X-API-Key": KEY}, timeout=60, trust_env=False
    )
    async with client:
        yield client


def _list_copies(original: Stack, kept: Path, directory: Path) -> list[tuple[Path, Path]]:
    """Make the copy's folder; return what of the original is to be copied to where."""
    directory.mkdir()
    (cluster,) = (kept / DATABASE).iterdir()
    memory = [(path, directory / path.name) for path in (kept / WORKFLOWS).iterdir()]
    # Without the second of these the workflow server's memory would count as half made.
    beside = ("postgres-password", "temporal.made")
    return [
        (cluster, Postgres(directory, 0).cluster),
        *((original.directory.path / name, directory / name) for name in beside),
        *memory,
    ]


@asynccontextmanager
async def start_copy(
    stacks: Stacks, original: Stack, kept: Path, directory: Path, patch: pytest.MonkeyPatch
) -> AsyncIterator[Stack]:
    """Run everything but a signer on what was kept of another stack, with its keys and its chain."""
    for source, target in _list_copies(original, kept, directory):
        process = await asyncio.create_subprocess_exec("cp", "-a", str(source), str(target))
        assert await process.wait() == 0
    for name, value in original.signing_environment.items():
        if name.startswith("STELLAR_"):
            patch.setenv(name, value)
    async with stacks.start(directory, durable=True, signs=False, settings=SETTINGS) as copied:
        yield copied


async def switch(caller: httpx.AsyncClient, action: str) -> None:
    answer = await caller.post(CIRCUIT_BREAKER, json={"action": action, "reason": "as it must be"})
    answer.raise_for_status()


async def owe_outages(caller: httpx.AsyncClient, count: int) -> list[str]:
    found = []
    for place in range(count):
        outage_id = await declare_outage(caller, id=make_unique_id("COPIED"), policy=AT_ONCE)
        await resolve_patiently(caller, outage_id, 20 + place)
        found.append(outage_id)
    return found


async def are_closed(caller: httpx.AsyncClient, outage_ids: list[str]) -> bool:
    """Tell whether all are paid and closed; close the circuit breaker as a person would."""
    if (await caller.get(CIRCUIT_BREAKER)).json()["is_open"]:
        await switch(caller, "close")
    for outage_id in outage_ids:
        if (await caller.get(f"/outages/{outage_id}")).json()["lifecycle"] != "closed":
            return False
    return True


@asynccontextmanager
async def start_original(
    stacks: Stacks, folder: Path
) -> AsyncIterator[tuple[Stack, httpx.AsyncClient]]:
    starting = stacks.start(folder / "original", ledger_seconds=0.5, settings=SETTINGS)
    async with starting as original, calling(original) as caller:
        policy = {"name": AT_ONCE, "dispute_window_seconds": 0, "terms": TERMS}
        (await caller.post("/sla/policies", json=policy)).raise_for_status()
        yield original, caller


@asynccontextmanager
async def copy_while_owed(
    stacks: Stacks, original: Stack, caller: httpx.AsyncClient, folder: Path
) -> AsyncIterator[tuple[Stack, list[str]]]:
    """Yield a copy of an original, and the outages that both have to pay; both may."""
    await switch(caller, "open")
    outage_ids = await owe_outages(caller, OUTAGES)
    await stop_all_but_chain(original)
    await keep_data(original, folder / "kept")
    await start_all_but_chain(original)
    with pytest.MonkeyPatch.context() as patch:
        copying = start_copy(stacks, original, folder / "kept", folder / "copy", patch)
        async with copying as copied, calling(copied) as their_caller:
            await switch(caller, "close")
            await switch(their_caller, "close")
            yield copied, outage_ids


async def assert_paid_once(original: Stack, count: int) -> None:
    seen = await chain_history.list_transfers(original.environment["STELLAR_RPC_URL"])
    transfers = Counter(transfer.number for transfer in seen)
    assert (len(transfers), set(transfers.values())) == (count, {1})


async def test_a_copy_stops_until_a_person_lets_it_take_over(
    stacks: Stacks, tmp_path: Path
) -> None:
    async with start_original(stacks, tmp_path) as (original, caller):
        for number in count_rounds("copied"):
            folder, paid = tmp_path / f"{number}", (number + 1) * OUTAGES
            async with copy_while_owed(stacks, original, caller, folder) as (copied, outage_ids):
                said = await signers.read_refusal(copied, folder / "copy.log")
                assert said.startswith(
                    "Cannot go on: another engine works with these channel accounts"
                )
                assert "--take-over" in said
                closed = partial(are_closed, caller, outage_ids)
                await wait_until(closed, "the original pays all", 180)
                await assert_paid_once(original, paid)
                assert original.restarts.get(SIGNER, 0) == 0
                if number == REPEAT - 1:
                    await take_over(original, copied, folder, outage_ids, said)
                    await assert_paid_once(original, paid + MORE + 1)


async def take_over(
    original: Stack, copied: Stack, folder: Path, outage_ids: list[str], said: str
) -> None:
    """Stop the original; but only a person may say that it is gone."""
    await original._running.stop([SIGNER])
    assert await signers.read_refusal(copied, folder / "again.log") == said
    async with (
        calling(copied) as their_caller,
        signers.running_signer(copied, folder / "taking-over.log", "--take-over"),
    ):
        more = await owe_outages(their_caller, MORE)
        closed = partial(are_closed, their_caller, outage_ids + more)
        await wait_until(closed, "the copy books what was paid, and pays the rest", 240)
        said = await signers.read_refusal(original, folder / "original.log")
        assert said.startswith("Cannot go on: another engine ")
        last = await owe_outages(their_caller, 1)
        await wait_until(partial(are_closed, their_caller, last), "the copy goes on", 120)
