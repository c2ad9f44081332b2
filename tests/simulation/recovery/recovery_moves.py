"""
The moves that schedules of payments and of batches have in common where a database is restored or copied: callers
declare again what was forgotten, a backup is taken, and restored while the chain goes on.
"""

from abc import abstractmethod
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from stellar_sandbox.faults.fault_plan import Fault
from tests.simulation.network_moves import KINDS, NetworkMoves
from tests.simulation.properties import PAYMENTS_MAX
from tests.simulation.recorded_schedules import rule
from tests.simulation.recovery.recovering_world import RecoveringWorld
from tests.simulation.recovery.snapshots import Snapshot, prepare_snapshots, put_back, take_snapshot
from tests.simulation.scratch_databases import find_violations

# What a node that drops ledgers before they are read asks of people, no schedule can answer.
READABLE = KINDS.filter(lambda fault: fault.kind != "short_retention")
UNREADABLE = st.sampled_from(
    [
        Fault("too_many_requests", "getEvents"),
        Fault("too_many_requests", "getEvents", rate=0.6),
        *(Fault("too_many_requests", "getEvents", node) for node in range(3)),
    ]
)
FIRST_SEQUENCE = 1 << 40


class RecoveryMoves(NetworkMoves):
    """Each schedule begins with an empty database, so that it is the same whenever it is played."""

    world: RecoveringWorld
    empty: ClassVar[dict[int, Snapshot]] = {}

    async def empty_database(self) -> None:
        """Put back what the scratch database held before the first schedule."""
        database = self.scratch.database
        if id(self.scratch) not in self.empty:
            await prepare_snapshots(database)
            self.empty[id(self.scratch)] = await take_snapshot(database)
        await put_back(database, self.empty[id(self.scratch)])

    @abstractmethod
    def settle_for(self, steps: int) -> None:
        """Settle for a while what is owed."""

    @rule(faults=st.lists(st.one_of(READABLE, UNREADABLE), max_size=3), seed=st.integers(0, 7))
    def inject_faults(self, faults: list[Fault], seed: int) -> None:
        NetworkMoves.inject_faults(self, faults, seed)

    @precondition(lambda self: len(self.world.debts) < PAYMENTS_MAX)
    @rule()
    def owe_another(self) -> None:
        self.do(self.world.owe())

    @rule()
    def declare_again(self) -> None:
        """Let callers say again what the database has forgotten."""
        self.do(self.repeat_declarations())

    async def repeat_declarations(self) -> None:
        self.scratch.met["declared again"] += await self.world.declare_again()

    async def finish_all(self) -> None:
        self.world.plan([], 0)
        await self.repeat_declarations()
        for _ in range(8):
            if await self.world.serve():
                break
            self.world.close_ledgers(1)
        for run in self.world.all_runs():
            if run.quarantined:
                run.receive("retry")
        await super().finish_all()
        assert await find_violations(self.world.database) == []


class RestoreMoves(RecoveryMoves):
    """A database that goes back to a backup."""

    @rule()
    def back_up(self) -> None:
        """Take a backup."""
        self.do(self.world.back_up())

    @precondition(lambda self: self.world.backup is not None)
    @rule(memory=st.booleans(), recorded=st.booleans(), down=st.sampled_from([0, 1, 5, 30]))
    def restore(self, memory: bool, recorded: bool, down: int) -> None:
        """Restore the backup after a while, in which what was sent may be applied."""
        self.scratch.met["restored"] += 1
        self.world.close_ledgers(down)
        self.do(self.world.restore(memory=memory, recorded=recorded))
        self.check_credits()

    @rule(
        memory=st.booleans(), recorded=st.booleans(), another=st.booleans(), steps=st.integers(1, 6)
    )
    def lose_what_was_done(self, memory: bool, recorded: bool, another: bool, steps: int) -> None:
        """Take a backup, settle for a while what is owed and perhaps one payment more, and restore it."""
        self.back_up()
        if another and len(self.world.debts) < PAYMENTS_MAX:
            self.owe_another()
        self.settle_for(steps)
        self.restore(memory, recorded, 0)
        if another and len(self.world.debts) < PAYMENTS_MAX:
            self.owe_another()
