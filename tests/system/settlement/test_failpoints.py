"""
The signer dies by SIGKILL at every named point of a payment's way, alone and in a batch, again and
again: no payment is made twice and none is lost. Real worker processes, a real Temporal server, the
chain over its port.

    KILLS=50 .venv/bin/python -m pytest tests/system/settlement/test_failpoints.py
"""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select, text
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.failpoints import POINTS
from adapters.postgres.database import Database
from adapters.postgres.settlement import circuit_breakers
from adapters.postgres.settlement.payments import to_payment
from adapters.postgres.tables import payments, postings
from devstack.bench import seed_payments
from devstack.environment.stack import Stack
from devstack.soak.paid_outages import begin_payment, serve_outages
from domain.settlement.payments import Payment
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import wait_until
from tests.testkit.stacks import Stacks
from workflows.payments import PaymentWorkflow

KILLS = int(os.environ.get("KILLS", "1"))
# New payments a death: those that were under way wait until Temporal gives their task or activity up.
PAYMENTS_PER_DEATH = 4
# A dead worker's task is given to the next one after this long, and not after ten seconds.
TASK_TIMEOUT = timedelta(seconds=2)
DEATH_SECONDS, MORE_SECONDS = 120, 10
# Deaths in a row, so that what they leave behind does not take all channels; a batch takes only one.
BOUT, BOUT_OF_BATCHES = 8, 9
REST_SECONDS = 240
# Signalled more often, a workflow would do little else.
RETRY_SECONDS = 2
REMOVED = {"kind": "removed_trustline"}
# What a point needs the network to do, so that it is reached at all.
WEATHER: dict[str, dict[str, Any]] = {
    "after_block": REMOVED,
    "in_failing": REMOVED,
    "after_fail": REMOVED,
    "after_raise_sign": {"kind": "surge_fee", "value": 30_000},
    "after_raise_store": {"kind": "surge_fee", "value": 30_000},
}
# Failing in a ledger takes a trustline that goes after the signature.
CHANGEABLE = {"in_failing", "after_fail"}
# A batch is sent, observed and outbid by the code that does it for a single payment.
BATCHES_DIFFER = (
    *("before_reserve", "after_reserve", "after_sign", "after_store", "in_booking", "after_book"),
    *("in_failing", "after_fail", "after_block"),
)
TOGETHER = {"SETTLEMENT_RAIL": "classic", "NETTING_WINDOW_SECONDS": "1"}


@pytest.fixture
async def unsigned(
    stacks: Stacks, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Stack]:
    """Everything but a signer, with settings of its own."""
    async with stacks.start(tmp_path / "data", signs=False, settings=request.param) as stack:
        yield stack


class Signers:
    """Settlement workers, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def die(self, order: str) -> str:
        """Start one that is killed at a point; return how it ended."""
        self.start(order)
        assert self.process.stdout is not None
        async with asyncio.timeout(DEATH_SECONDS):
            while line := (await self.process.stdout.readline()).decode().strip():
                if line.startswith("gone"):
                    return line
        raise AssertionError("whoever starts the signers has died; its log tells why")

    def start(self, order: str = "none") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n".encode())


@asynccontextmanager
async def signers(stack: Stack, log: Path) -> AsyncIterator[Signers]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.testkit.processes.worker_forkserver"),
            env=stack.signing_environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
        )
        try:
            yield Signers(process)
        finally:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            with suppress(TimeoutError):
                async with asyncio.timeout(20):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()


async def begin(client: Client, owed: list[Payment]) -> None:
    """Have each paid as an outage does it; one in four has a workflow beside that from the start."""
    for payment in owed:
        await begin_payment(client, payment)
    for payment in owed[::4]:
        await client.start_workflow(
            PaymentWorkflow.run,
            payment,
            id=payment.workflow_id,
            task_queue="settlement",
            task_timeout=TASK_TIMEOUT,
        )


@asynccontextmanager
async def weather(chain: httpx.AsyncClient, stack: Stack, point: str) -> AsyncIterator[None]:
    """
    Let the network do what a point needs. Never cancelled: a plan that is on its way could arrive
    after the one that takes it back.
    """
    over = asyncio.Event()
    sky = asyncio.create_task(_weather(chain, stack, point, over))
    try:
        yield
    finally:
        over.set()
        await sky
        await plan(chain)


async def _weather(chain: httpx.AsyncClient, stack: Stack, point: str, over: asyncio.Event) -> None:
    fault = WEATHER.get(point)
    if fault is None:
        return
    payees = [stack.environment[f"STELLAR_{name}_ADDRESS"] for name in ("PROVIDER", "BENEFICIARY")]
    faults = [fault | {"address": payee} for payee in payees] if fault is REMOVED else [fault]
    await plan(chain, *faults)
    while point in CHANGEABLE and not over.is_set():
        await asyncio.sleep(0.3)
        await plan(chain)
        await asyncio.sleep(0.5)
        await plan(chain, *faults)


async def plan(chain: httpx.AsyncClient, *faults: dict[str, Any]) -> None:
    (await chain.post("/faults", json={"seed": 7, "faults": list(faults)})).raise_for_status()


async def kill_at(
    point: str, signer: Signers, client: Client, database: Database, times: int
) -> str:
    """Owe payments, and more of them, until the signer dies at a point of one of them."""
    death = asyncio.create_task(signer.die(f"{point}:{random.randint(1, times)}"))
    while not death.done():
        await begin(
            client,
            await seed_payments.owe(database, f"{point}-{uuid4().hex[:8]}", PAYMENTS_PER_DEATH),
        )
        await asyncio.wait([death], timeout=MORE_SECONDS)
        if not death.done():
            await rested(client, database)
    with suppress(RPCError):
        # That nobody batches_payments any more would be noticed after a missing heartbeat, of 15 seconds.
        await client.get_workflow_handle("batching").terminate()
    return death.result()


@pytest.mark.parametrize("unsigned", [{}], indirect=True)
async def test_a_signer_killed_at_any_point_neither_pays_twice_nor_loses_a_payment(
    unsigned: Stack, tmp_path: Path
) -> None:
    seen = await killed(unsigned, tmp_path, POINTS, KILLS, BOUT, times=4)
    assert max(Counter(transfer.number for transfer in seen).values()) == 1


@pytest.mark.parametrize("unsigned", [TOGETHER], indirect=True)
async def test_a_signer_killed_during_a_batch_neither_pays_twice_nor_loses_a_payment(
    unsigned: Stack, tmp_path: Path
) -> None:
    # One batch at a time reaches a point, and not each of its payments.
    await killed(unsigned, tmp_path, BATCHES_DIFFER, max(1, KILLS // 2), BOUT_OF_BATCHES, times=1)


async def killed(
    stack: Stack, tmp_path: Path, points: Sequence[str], kills: int, bout: int, times: int
) -> list[chain_history.HistoryTransfer]:
    """Kill signers at each point, and see that all is well in the end; return what the chain saw."""
    url = stack.environment["STELLAR_RPC_URL"]
    database = Database(stack.environment["DATABASE_URL"], connections_max=4)
    client = await Client.connect(stack.environment["TEMPORAL_ADDRESS"])
    ends: Counter[str] = Counter()
    deaths = [(point, n) for point in points for n in range(kills)]
    async with (
        AsyncExitStack() as cleanup,
        serve_outages(client, database),
        signers(stack, tmp_path / "signers.log") as signer,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as chain,
    ):
        cleanup.push_async_callback(database.close)
        for start in range(0, len(deaths), bout):
            for point, in_a_row in groupby(deaths[start : start + bout], key=itemgetter(0)):
                async with weather(chain, stack, point):
                    for _ in in_a_row:
                        end = await kill_at(point, signer, client, database, times)
                        ends[" ".join([end.split(":")[0], end.split()[-1]])] += 1
            await recover(signer, client, database)
        assert ends == {f"gone {point} 9": kills for point in points}
        return await check(database, url)


async def recover(signer: Signers, client: Client, database: Database) -> None:
    """Run a signer on a network without faults: all that the dead left behind comes to its end."""
    signer.start()
    try:
        await wait_until(lambda: rested(client, database), "all are paid", REST_SECONDS)
    except AssertionError as late:
        raise AssertionError(await waiting(database)) from late


async def rested(client: Client, database: Database) -> bool:
    """
    Return whether every payment is confirmed; signal what is blocked to try again. Of what is on its way, or has
    a channel that nothing is signed for, the relay tells who waits: the one of two drivers that went on may be dead.
    """
    async with database.autocommit() as connection:
        found = await connection.execute(select(payments).where(payments.c.status != "confirmed"))
        waiting = found.mappings().all()
    for row in waiting:
        if row["status"] in ("blocked", "on_hold"):
            with suppress(RPCError):
                await client.get_workflow_handle(to_payment(row).workflow_id).signal("retry")
    if waiting:
        await asyncio.sleep(RETRY_SECONDS)
    return not waiting


async def waiting(database: Database) -> str:
    """Say what keeps payments from being made, for whoever reads the failure."""
    async with database.autocommit() as connection:
        circuit_breaker = await circuit_breakers.get_state(connection)
        rows = await connection.execute(
            select(payments.c.id, payments.c.status, payments.c.status_reason).where(
                payments.c.status != "confirmed"
            )
        )
        return "\n".join(
            [f"not all are paid; {circuit_breaker}", *(str(tuple(row)) for row in rows)]
        )


# What each payment rode in that is confirmed: its transaction, the number, its own part.
_SETTLED_MEMBERS = text(
    """
    SELECT p.id, p.transaction_hash, s.number, s.amount_stroops
    FROM payments p JOIN allocations s ON s.payment_id = p.id AND s.live
    """
)


async def check(database: Database, url: str) -> list[chain_history.HistoryTransfer]:
    """Check that the chain's own history and the journal agree, payment by payment."""
    async with database.autocommit() as connection:
        rows = (await connection.execute(select(payments))).all()
        ridden = (await connection.execute(_SETTLED_MEMBERS)).all()
        assert await connection.scalar(select(func.sum(postings.c.amount_stroops))) == 0
    assert sorted(row.id for row in ridden) == sorted(row.id for row in rows)
    allocations = Counter[tuple[str, int]]()
    for row in ridden:
        allocations[row.transaction_hash, row.number] += row.amount_stroops
    seen = await chain_history.list_transfers(url)
    assert Counter((t.hash, t.number) for t in seen).most_common(1)[0][1] == 1
    assert {(t.hash, t.number): t.amount_stroops for t in seen} == allocations
    print(f"\n{len(rows)} payments in {len(seen)} transfers, each made once")
    return seen
