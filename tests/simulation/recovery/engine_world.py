"""A world whose signer claims the channel accounts on the chain, so that another engine may have them instead."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from activities.settlement import channels
from activities.settlement.channels import ChannelClaim
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.stellar.accounts import claims
from adapters.stellar.accounts.claims import ClaimAccount
from domain.errors import ChannelsClaimed
from domain.settlement.channels import ClaimTimes
from tests.simulation.recovery.recovering_world import (
    CLOCK,
    RecoveringWorld,
    play_time,
    replace_asyncio,
)
from tests.simulation.recovery.snapshots import put_back, take_snapshot
from tests.simulation.workflow_driver import WorkflowRun
from tests.simulation.world import KEYS, PASSPHRASE

# A look takes a ledger, a probation four of them and what it takes to be sure.
TIMES = ClaimTimes(5.0)
# A worker serves after so many ledgers, whether its claim stands or not.
LEDGERS_TO_SERVE = 14


class Sleepers:
    """Tasks that wait for the clock of the world, and go on when somebody lets them and it is time."""

    def __init__(self) -> None:
        self._asleep: dict[asyncio.Task[Any], tuple[float, asyncio.Future[None]]] = {}
        self._turned = asyncio.Event()

    def start(self, work: Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.create_task(work)
        task.add_done_callback(lambda _task: self._turned.set())
        return task

    async def sleep(self, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        waiting = asyncio.get_running_loop().create_future()
        self._asleep[task] = (CLOCK.read() + seconds, waiting)
        self._turned.set()
        try:
            await waiting
        finally:
            self._asleep.pop(task, None)

    async def let_go_on(self, task: "asyncio.Task[Any]") -> None:
        """Let a task do what is due, until it sleeps again or has ended."""
        self._turned = asyncio.Event()
        while not task.done():
            if task in self._asleep:
                due, waiting = self._asleep[task]
                if due > CLOCK.read():
                    return
                del self._asleep[task]
                waiting.set_result(None)
            self._turned.clear()
            if task not in self._asleep and not task.done():
                await self._turned.wait()


SLEEPERS = Sleepers()


def play_recovery(patch: Any) -> None:
    """Let claims, and the reading of the chain, go by the clock of the world that is played."""
    play_time(patch)
    patch.setattr(channels, "asyncio", replace_asyncio(sleep=SLEEPERS.sleep))
    patch.setattr(channels, "time", SimpleNamespace(monotonic=CLOCK.monotonic))
    patch.setattr(channels, "PATIENCE_SECONDS", 0.0)
    patch.setattr(claims, "asyncio", replace_asyncio(sleep=SLEEPERS.sleep))
    patch.setattr(claims, "datetime", SimpleNamespace(now=CLOCK.now))


class EngineWorld(RecoveringWorld):
    """One of several engines with the same keys; `stopped` says why it signs nothing any more."""

    def __init__(self, database: Database, steps: Callable[..., PaymentActivitiesImpl]) -> None:
        super().__init__(database, steps)
        self.takes_over = False
        self.stopped = ""
        # Its machine stands still: it does not look at the claim, whatever the time.
        self.stalled = False
        self.claiming: asyncio.Task[Any] | None = None

    def make_gate(self) -> SigningGate:
        fee_cap, nodes = self.rail.fee_cap_stroops, self.rail.nodes
        account = ClaimAccount(nodes, PASSPHRASE, KEYS, fee_cap, 1.0)
        self.claim = ChannelClaim(
            *(self.database, account, self.readings, TIMES, "a worker"),
            takes_over=self.takes_over,
            now=lambda: CLOCK.read(),
        )
        self.stopped, self.claiming = "", None
        return SigningGate(
            self.database,
            now=CLOCK.now,
            readings=self.readings,
            claim=self.claim,
            passphrase=PASSPHRASE,
        )

    @property
    def may_sign(self) -> bool:
        return self.claiming is not None and not self.claim.describe()

    async def serve(self) -> bool:
        goes_on = getattr(self.make_steps, "goes_on_when_stopped", False)
        if (self.stopped and not goes_on) or not await super().serve():
            return False
        if self.claiming is None:
            self.claiming = SLEEPERS.start(self.claim.run())
            for _ in range(LEDGERS_TO_SERVE):
                await self.look_after_claim()
                if self.stopped or self.claim.established.is_set():
                    break
                self.close_ledgers(1)
                await self.let_others_look()
        return goes_on or not self.stopped

    async def advance(
        self, run: WorkflowRun, *, runs: int = 1, crash_at: str | None = None
    ) -> bool:
        await self.look_after_claim()
        await self.let_others_look()
        return await super().advance(run, runs=runs, crash_at=crash_at)

    async def let_others_look(self) -> None:
        """Let the other engines look at the claim; nobody else is there."""

    async def look_after_claim(self) -> None:
        """Let the claim do what is due by now."""
        if self.claiming is None or self.stalled:
            return
        await SLEEPERS.let_go_on(self.claiming)
        if self.claiming.done() and not self.stopped:
            with suppress(ChannelsClaimed):
                self.claiming.result()
            self.stopped = self.claim.lost

    async def start_again(self, *, takes_over: bool) -> None:
        """Start a signer anew, by a person who may say that the other engine is to stop."""
        self.takes_over = takes_over
        await self.restart(lambda recorded: recorded)
        self.takes_over = False

    async def restart(self, kept: Callable[[int], int]) -> None:
        await self.stop_claim()
        await super().restart(kept)

    async def stop_claim(self) -> None:
        if self.claiming is not None:
            self.claiming.cancel()
            with suppress(asyncio.CancelledError, ChannelsClaimed):
                await self.claiming

    async def copy_to(self, database: Database) -> "EngineWorld":
        """Return a second engine on a copy of the database and of what the workflow server remembers."""
        await put_back(database, await take_snapshot(self.database))
        copied = self.make_beside(database)
        copied.box, copied.foreign, copied.owed_at = self.box, self.foreign, self.owed_at
        copied.numbers = self.numbers
        for payment_id, run in self.debts.items():
            copied.debts[payment_id] = WorkflowRun(run.payment, list(run.recorded))
        copied.runs = list(copied.debts.values())
        copied.forgetful = True
        copied.start_signer()
        return copied

    def make_beside(self, database: Database) -> "EngineWorld":
        """Make another engine, which knows nothing yet."""
        return type(self)(database, self.make_steps)
