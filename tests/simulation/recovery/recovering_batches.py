"""A world of batches whose database may go back to what it was, while the chain goes on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningGate
from adapters.postgres.database import Database
from domain.settlement.batches import Batch, Plan
from domain.settlement.payments import Payment
from services.settlement.batches.read_netting import has_netted
from tests.simulation.batch_world import BatchWorld
from tests.simulation.recovery.recovering_world import CLOCK, RecoveringWorld
from tests.simulation.workflow_driver import BatchWorkflowRun, WorkflowRun
from tests.simulation.world import Strike


class RecoveringBatchWorld(BatchWorld, RecoveringWorld):
    """Each payment is some stroops more, so that a sum on the chain shows what it is made of."""

    run_kind = WorkflowRun

    def __init__(
        self, database: Database, signer: Callable[..., BatchActivitiesImpl], plan: Plan
    ) -> None:
        super().__init__(database, signer, plan)
        self.nets = self.netted = plan.netting_window_seconds > 0
        # Of the backup: what Temporal remembered of each batch.
        self.kept: dict[str, tuple[Batch, list[tuple[str, object]]]] = {}

    async def begin(self, first_sequence: int, run: str, payments: int) -> None:
        await self._open(first_sequence)
        CLOCK.read = self.box.clock
        self.fill_pool()
        for _ in range(payments):
            await self.owe()
        self.start_signer()
        await self.close_circuit_breaker()

    async def serve(self) -> bool:
        """Look for what was netted, as the settlement worker does, whatever the settings say by now."""
        serves, begun = self.serving, await super().serve()
        if begun and not serves:
            self.batch_activities.gate.nets = self.nets or await has_netted(self.database)
        return begun

    async def change_plan(self, plan: Plan) -> bool:
        """
        Start the signer with other settings; False where the page on restoring asks to leave netting on, because
        no batch on record shows that there was any, and the numbers of sums may be those of forgotten debts.
        """
        if not plan.netting_window_seconds and await self._must_net():
            return False
        self.plan_in_force, self.nets = plan, plan.netting_window_seconds > 0
        self.netted |= self.nets
        await self.restart(lambda recorded: recorded)
        return True

    async def _must_net(self) -> bool:
        return self.netted and bool(self.forgotten) and not await has_netted(self.database)

    def make_gate(self) -> SigningGate:
        return super(BatchWorld, self).make_gate()

    def make_debt(self, outage_id: str) -> Payment:
        debt, place = super().make_debt(outage_id), int(outage_id.split()[-1])
        return replace(debt, amount_stroops=debt.amount_stroops + (1 << place))

    def list_numbers(self, run: WorkflowRun) -> set[int]:
        return self.numbers[run.payment.id]

    def get_signer(self) -> Callable[..., Any]:
        return self.signer

    async def advance(
        self,
        run: WorkflowRun,
        *,
        runs: int = 1,
        crash_at: str | None = None,
        strike: Strike | None = None,
    ) -> bool:
        if not isinstance(run, BatchWorkflowRun) and run.payment.id in self.forgotten:
            return True
        if not await self.serve():
            return True
        return await super(RecoveringWorld, self).advance(
            run, runs=runs, crash_at=crash_at, strike=strike
        )

    async def form_batches(self, *, again: bool = False, crash_at: str | None = None) -> bool:
        if not await self.serve():
            return True
        return await super().form_batches(again=again, crash_at=crash_at)

    async def back_up(self) -> None:
        await super().back_up()
        self.kept = {name: (run.subject, list(run.recorded)) for name, run in self.batches.items()}

    async def restore(self, *, memory: bool, recorded: bool) -> None:
        await super().restore(memory=memory, recorded=recorded)
        # Who forms batches begins anew, or is started by the relay: open ones get workflows again.
        self.batching_died = True
        if not memory:
            for run in self.batches.values():
                run.run.close()
            self.batches = {
                name: BatchWorkflowRun(batch, list(known))
                for name, (batch, known) in self.kept.items()
            }
        if await self._must_net():
            await self.change_plan(replace(self.plan_in_force, netting_window_seconds=3600))
