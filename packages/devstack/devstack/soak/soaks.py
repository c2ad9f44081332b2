"""
Thousands of settlements while the network misbehaves and the signer is killed, and the verdict: who
was paid twice, who not at all. The chain's own history decides, not the engine's.
"""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import RowMapping, select
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.settlement.payments import to_payment
from adapters.postgres.tables import payments, violations
from devstack.bench import seed_payments
from devstack.environment.stack import Stack
from devstack.soak import chain_history
from devstack.soak.fault_schedules import draw_fault_plans
from devstack.soak.paid_outages import begin_payment, serve_outages
from devstack.soak.results import STOPPED, SoakResult, compare_with_chain
from domain.errors import TryAgain
from domain.settlement.payments import Payment

SLICE = 500
WEATHER_SECONDS = 4.0
KILL_SECONDS = 45.0
RETRY_SECONDS = 3.0
REST_SECONDS = 600.0
OVERDUE = timedelta(days=1)
SIGNER = "settlement-worker"
# So many alarms are what this is about: the circuit breaker would stop it, as it should elsewhere.
SETTINGS = {
    "CIRCUIT_BREAKER_ALARMS": "1000000",
    "CIRCUIT_BREAKER_UNKNOWNS": "1000000",
    # The journal keeps its invariants at every moment; a violation would stop the soak.
    "INTEGRITY_CHECK_EVERY_SECONDS": "5",
}


@dataclass
class Soak:
    """A stack, its chain's fault plan, and the payments that are made on it."""

    stack: Stack
    database: Database
    client: Client
    chain: httpx.AsyncClient
    luck: random.Random
    kills: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, count: int, in_flight: int) -> SoakResult:
        began = time.monotonic()
        weather = asyncio.create_task(self._weather())
        killing = asyncio.create_task(self._kill())
        async with serve_outages(self.client, self.database):
            try:
                await self._pay(count, in_flight)
            finally:
                # Not cancelled: a plan on its way could arrive after the one that takes it back.
                self.over.set()
                await asyncio.gather(weather, killing)
                await self._plan([])
            await self._rest()
        return await self._judge(time.monotonic() - began)

    async def _pay(self, count: int, in_flight: int) -> None:
        """Keep so many workflows under way; those that are blocked do not hold up the others."""
        room = asyncio.Semaphore(in_flight)
        begun: set[asyncio.Task[None]] = set()
        for start in range(0, count, SLICE):
            size = min(SLICE, count - start)
            for payment in await self._owe(size):
                await room.acquire()
                task = asyncio.create_task(self._live(payment, room))
                begun.add(task)
                task.add_done_callback(begun.discard)
        await asyncio.gather(*begun)

    async def _owe(self, count: int) -> list[Payment]:
        while True:
            with suppress(TryAgain):
                return await seed_payments.owe(self.database, f"soak-{uuid4().hex[:8]}", count)
            await asyncio.sleep(1)

    async def _live(self, payment: Payment, room: asyncio.Semaphore) -> None:
        """Start a workflow; make room for the next when it has ended, or after a while."""
        try:
            handle = await begin_payment(self.client, payment)
            with suppress(TimeoutError):
                await asyncio.wait_for(handle.result(), 20)
        finally:
            room.release()

    async def _weather(self) -> None:
        environment = self.stack.environment
        payees = [environment[f"STELLAR_{name}_ADDRESS"] for name in ("PROVIDER", "BENEFICIARY")]
        for sky in draw_fault_plans(self.luck, payees):
            await self._plan([])
            await self._plan(sky)
            if await self._over_within(WEATHER_SECONDS):
                return

    async def _plan(self, faults: list[dict[str, Any]]) -> None:
        seed = self.luck.randrange(1000)
        answer = await self.chain.post("/faults", json={"seed": seed, "faults": faults})
        answer.raise_for_status()

    async def _kill(self) -> None:
        while not await self._over_within(KILL_SECONDS):
            self.stack.kill(SIGNER)
            self.kills += 1

    async def _over_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)
        return self.over.is_set()

    async def _rest(self) -> None:
        """The network is well: blocked payments are signalled to try again until none waits."""
        end = time.monotonic() + REST_SECONDS
        while time.monotonic() < end:
            waiting = [row for row in await self._rows() if row["status"] != "confirmed"]
            if not waiting:
                return
            for row in waiting:
                if row["status"] in STOPPED:
                    with suppress(RPCError):
                        handle = self.client.get_workflow_handle(to_payment(row).workflow_id)
                        await handle.signal("retry")
            await asyncio.sleep(RETRY_SECONDS)

    async def _rows(self) -> list[RowMapping]:
        async with self.database.autocommit() as connection:
            return list((await connection.execute(select(payments))).mappings())

    async def _judge(self, seconds: float) -> SoakResult:
        rows = await self._rows()
        faults = (await self.chain.get("/faults")).json()["counts"]
        seen = await chain_history.list_transfers(self.stack.environment["STELLAR_RPC_URL"])
        async with self.database.transaction() as connection:
            found = await invariants.check(connection, OVERDUE)
            # And what an integrity check found meanwhile, mended since or not.
            once = await connection.execute(select(violations).where(~violations.c.overdue))
            broken = [*(each for each in found if not each.overdue), *once]
        statuses = dict(Counter(str(row["status"]) for row in rows))
        return SoakResult(
            len(rows),
            statuses,
            round(seconds, 1),
            faults,
            self.kills,
            unbalanced=[f"{each.invariant} {each.subject}: {each.detail}" for each in broken],
            **compare_with_chain([dict(row) for row in rows], seen),
        )
