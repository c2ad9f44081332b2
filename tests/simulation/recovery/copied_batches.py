"""The rules of schedules in which a second engine that settles in batches runs on a copy of the database."""

from hypothesis import strategies as st

from adapters.postgres.database import Database
from domain.settlement.batches import Plan
from tests.simulation.batch_properties import PLANS
from tests.simulation.properties import PAYMENTS_MAX
from tests.simulation.recorded_schedules import initialize
from tests.simulation.recovery.copies import CopyMoves, PairedEngine
from tests.simulation.recovery.recovering_batches import RecoveringBatchWorld
from tests.simulation.recovery.restored_batches import RecoveringBatches
from tests.simulation.workflow_driver import BatchWorkflowRun, WorkflowRun
from tests.simulation.world import Strike


class PairedBatchEngine(RecoveringBatchWorld, PairedEngine):
    """One of two engines that settle in batches."""

    async def advance(
        self,
        run: WorkflowRun,
        *,
        runs: int = 1,
        crash_at: str | None = None,
        strike: Strike | None = None,
    ) -> bool:
        await self.look_after_claim()
        await self.let_others_look()
        done = len(run.recorded)
        is_alive = await super().advance(run, runs=runs, crash_at=crash_at, strike=strike)
        self.check_signed(run, done)
        return is_alive

    async def settle(self, place: int, steps: int) -> None:
        for run in self.runs[place:] + self.runs[:place]:
            await self.advance(run)
        await self.form_batches()
        for batch in self.running():
            for _ in range(steps):
                await self.advance(batch)

    def make_beside(self, database: Database) -> "PairedBatchEngine":
        made = type(self)(database, self.signer, self.plan_in_force)
        made.gone, made.batching_died = self.gone, True
        for name, run in self.batches.items():
            made.batches[name] = BatchWorkflowRun(run.subject, list(run.recorded))
        return made

    def list_known(self) -> list[WorkflowRun]:
        known = {id_: run for engine in self.engines for id_, run in engine.debts.items()}
        return list((known | self.debts | self.forgotten).values())


class CopiedBatches(CopyMoves, RecoveringBatches):
    """All that may happen to batches, and a copy of everything that runs beside its original."""

    world: PairedBatchEngine

    @initialize(payments=st.integers(1, PAYMENTS_MAX), plan=PLANS, copied=st.integers(0, 4))
    def owe_payments(self, payments: int, plan: Plan, copied: int = 0) -> None:
        super().owe_payments(payments, plan)
        if copied:
            if copied > 1:
                self.settle_for(copied - 1)
            self.copy()

    def make_world(self, plan: Plan) -> PairedBatchEngine:
        world = PairedBatchEngine(self.scratch.database, self.signer, plan)
        self.engines = world.engines = [world]
        return world
