"""The rules of schedules in which a second engine runs on a copy of the database, with the same keys."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from domain.settlement.attempts import Prepared
from domain.settlement.batches import PrepareBatchResult
from tests.simulation.properties import PAYMENTS_MAX
from tests.simulation.recorded_schedules import initialize, rule
from tests.simulation.recovery.engine_world import EngineWorld
from tests.simulation.recovery.recovery_moves import RecoveryMoves
from tests.simulation.recovery.restored_books import RecoveringSchedules
from tests.simulation.recovery.snapshots import prepare_snapshots
from tests.simulation.workflow_driver import WorkflowRun


class PairedEngine(EngineWorld):
    """An engine that knows of the other one only what stands on the chain."""

    engines: "list[PairedEngine]"

    async def advance(
        self, run: WorkflowRun, *, runs: int = 1, crash_at: str | None = None
    ) -> bool:
        done = len(run.recorded)
        is_alive = await super().advance(run, runs=runs, crash_at=crash_at)
        self.check_signed(run, done)
        return is_alive

    def check_signed(self, run: WorkflowRun, done: int) -> None:
        """Check that what was signed, of what is recorded since, was signed while the channels were this engine's."""
        for _, answer in run.recorded[done:]:
            state = answer.state if isinstance(answer, PrepareBatchResult) else answer
            if isinstance(state, Prepared) and not state.attempt.resumed:
                assert self.may_sign, "signed while the channels may be another engine's"

    async def let_others_look(self) -> None:
        for engine in self.engines:
            if engine is not self:
                await engine.look_after_claim()

    async def settle(self, place: int, steps: int) -> None:
        """Go on with all that is owed, in an order of this engine's own."""
        for run in self.runs[place:] + self.runs[:place]:
            for _ in range(steps):
                await self.advance(run)


class CopyMoves(RecoveryMoves):
    """A copy of everything that runs beside its original."""

    world: PairedEngine
    engines: list[PairedEngine]

    @precondition(lambda self: len(self.engines) == 1)
    @rule()
    def copy(self) -> None:
        """Start a second engine on a copy."""
        self.scratch.met["copied"] += 1
        self.do(prepare_snapshots(self.scratch.second))
        copied = self.do(self.world.copy_to(self.scratch.second))
        copied.engines = self.engines
        self.engines.append(copied)
        self.turn_to_other()

    @precondition(lambda self: len(self.engines) > 1)
    @rule()
    def turn_to_other(self) -> None:
        """Let the moves that follow be the other engine's."""
        (self.world,) = [engine for engine in self.engines if engine is not self.world]

    @precondition(lambda self: len(self.engines) > 1)
    @rule(another=st.booleans(), steps=st.integers(1, 3), ledgers=st.integers(0, 2))
    def settle_at_once(self, another: bool, steps: int, ledgers: int) -> None:
        """Let both engines go on in the same ledger, each with another payment first; callers may use both."""
        self.scratch.met["both at once"] += 1
        for engine in self.engines:
            self.do(engine.serve())
            if another and len(engine.debts) < PAYMENTS_MAX:
                self.do(engine.owe())
        for place, engine in enumerate(self.engines):
            self.do(engine.settle(place, steps))
        self.world.close_ledgers(ledgers)
        self.check_credits()

    @precondition(lambda self: len(self.engines) > 1)
    @rule(takes_over=st.booleans())
    def start_again(self, takes_over: bool) -> None:
        """Start the engine again; a person may say that it takes over."""
        self.scratch.met["taken over"] += takes_over
        self.do(self.world.start_again(takes_over=takes_over))
        self.do(self.world.serve())
        self.check_credits()

    @rule(stalled=st.booleans())
    def stall(self, stalled: bool) -> None:
        self.world.stalled = stalled

    @rule(ledgers=st.sampled_from([1, 1, 2, 3, 5, 8, 30]))
    def close(self, ledgers: int) -> None:
        for _ in range(ledgers):
            self.world.close_ledgers(1)
            self.do(self.look_after_claims())
            self.check_credits()

    async def look_after_claims(self) -> None:
        for engine in self.engines:
            await engine.look_after_claim()

    def check_credits(self) -> None:
        super().check_credits()
        able = [engine.may_sign for engine in self.engines]
        assert sum(able) <= 1, f"two engines sign: {able}"

    async def finish_all(self) -> None:
        """End all faults; one engine is stopped for good, and a person lets the other take over."""
        self.world.plan([], 0)
        for engine in self.engines:
            self.scratch.met["stopped"] += bool(engine.stopped)
            await engine.stop_claim()
            if engine is not self.world:
                await engine.rail.watch.close()
                unknown = engine.debts.keys() - self.world.debts.keys()
                self.world.forgotten |= {each: engine.debts[each] for each in unknown}
        self.engines[:] = [self.world]
        self.world.stalled = False
        await self.world.start_again(takes_over=True)
        await super().finish_all()
        await self.world.stop_claim()


class Copies(CopyMoves, RecoveringSchedules):
    """All that may happen to payments, and a copy of everything that runs beside its original."""

    world: PairedEngine

    @initialize(payments=st.integers(1, PAYMENTS_MAX), copied=st.integers(0, 4))
    def owe_payments(self, payments: int, copied: int = 0) -> None:
        super().owe_payments(payments)
        if copied:
            for _ in range(copied - 1):
                self.advance_with_time(0, 1)
            self.copy()

    def make_world(self) -> PairedEngine:
        world = PairedEngine(self.scratch.database, self.signer)
        self.engines = world.engines = [world]
        return world
