"""The rules of schedules in which the database is restored from a backup while the chain goes on."""

from hypothesis import strategies as st

from tests.simulation.properties import PAYMENTS_MAX, ExactlyOnce, LyingNodes
from tests.simulation.recorded_schedules import initialize
from tests.simulation.recovery.recovering_world import RecoveringWorld
from tests.simulation.recovery.recovery_moves import FIRST_SEQUENCE, RecoveryMoves, RestoreMoves
from tests.simulation.world import XLM


class RecoveringSchedules(RecoveryMoves, ExactlyOnce):
    """All that may happen to payments, to a signer that reads the chain before it signs."""

    world: RecoveringWorld

    @initialize(payments=st.integers(1, PAYMENTS_MAX))
    def owe_payments(self, payments: int) -> None:
        self.do(self.empty_database())
        self.world = self.make_world()
        self.do(self.world.begin(FIRST_SEQUENCE, "", payments))
        self.scratch.met["schedules"] += 1

    def make_world(self) -> RecoveringWorld:
        return RecoveringWorld(self.scratch.database, self.signer)

    def check_credits(self) -> None:
        """Check that each debt was paid at most once, under whatever number."""
        credits = self.world.read_credits()
        for payment_id, numbers in self.world.numbers.items():
            seen = [each for number in numbers for each in credits.get(number, [])]
            assert len(seen) <= 1, f"paid {len(seen)} times: {payment_id}: {seen}"
            assert all(amount == XLM for _, amount in seen)


class RestoredBooks(RestoreMoves, RecoveringSchedules):
    """A database that goes back to a backup, most often before anything else happens."""

    @initialize(payments=st.integers(1, PAYMENTS_MAX), lost=st.integers(0, 6), memory=st.booleans())
    def owe_payments(self, payments: int, lost: int = 0, memory: bool = False) -> None:
        super().owe_payments(payments)
        if lost:
            self.lose_what_was_done(memory, True, True, lost)

    def settle_for(self, steps: int) -> None:
        for run in list(self.world.runs):
            for _ in range(steps):
                self.do(self.world.advance(run))
                self.world.close_ledgers(1)


class RestoredAmongLies(RestoredBooks, LyingNodes):
    """A database that goes back to a backup, and a node that lies."""
