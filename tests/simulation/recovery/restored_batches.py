"""The rules of schedules in which a database with batches is restored from a backup while the chain goes on."""

from hypothesis import strategies as st

from domain.reasons import ReasonCode
from domain.settlement.batches import Plan
from tests.simulation.batch_properties import PLANS, BatchesExactlyOnce
from tests.simulation.network_moves import NodeLies
from tests.simulation.properties import PAYMENTS_MAX
from tests.simulation.recorded_schedules import initialize, rule
from tests.simulation.recovery.recovering_batches import RecoveringBatchWorld
from tests.simulation.recovery.recovery_moves import FIRST_SEQUENCE, RecoveryMoves, RestoreMoves
from tests.simulation.workflow_driver import WorkflowRun


class RecoveringBatches(RecoveryMoves, BatchesExactlyOnce):
    """All that may happen to batches, to a signer that reads the chain before it signs."""

    world: RecoveringBatchWorld

    @initialize(payments=st.integers(1, PAYMENTS_MAX), plan=PLANS)
    def owe_payments(self, payments: int, plan: Plan) -> None:
        self.do(self.empty_database())
        self.world = self.make_world(plan)
        self.do(self.world.begin(FIRST_SEQUENCE, "", payments))
        self.scratch.met["schedules"] += 1

    def make_world(self, plan: Plan) -> RecoveringBatchWorld:
        return RecoveringBatchWorld(self.scratch.database, self.signer, plan)

    def settle_for(self, steps: int) -> None:
        for run in self.world.runs:
            self.do(self.world.advance(run))
        self.do(self.world.form_batches())
        for batch in self.world.running():
            for _ in range(steps):
                self.do(self.world.advance(batch))
                self.world.close_ledgers(1)

    def is_doubted(self, run: WorkflowRun, code: str | None) -> bool:
        """Tell whether a person has to say what a transfer paid that carries the number of one of several."""
        return self.world.netted and code == ReasonCode.OUT_OF_BAND_PAYMENT


class RestoredBatches(RestoreMoves, RecoveringBatches):
    """A database with batches that goes back to a backup, most often before anything else happens."""

    @initialize(
        payments=st.integers(1, PAYMENTS_MAX),
        plan=PLANS,
        lost=st.integers(0, 5),
        memory=st.booleans(),
    )
    def owe_payments(self, payments: int, plan: Plan, lost: int = 0, memory: bool = False) -> None:
        super().owe_payments(payments, plan)
        if lost:
            self.lose_what_was_done(memory, True, True, lost)

    @rule(plan=PLANS)
    def change_plan(self, plan: Plan) -> None:
        """Start the signer with other settings, under which payments may no longer be netted."""
        self.scratch.met["other settings"] += self.do(self.world.change_plan(plan))


class RestoredBatchesAmongLies(RestoredBatches, NodeLies):
    """A database with batches that goes back to a backup, and a node that lies."""
