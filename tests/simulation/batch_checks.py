"""What must hold of a schedule of batches, after each move and when all has come to an end."""

from typing import Any, ClassVar

from domain.reasons import ReasonCode
from tests.simulation.batch_world import FATES, TRANSFERS, BatchWorld
from tests.simulation.properties import ScratchDatabase
from tests.simulation.recorded_schedules import Recorded
from tests.simulation.workflow_driver import BatchWorkflowRun, WorkflowRun

ROUNDS_TO_REST = 16


class BatchChecks(Recorded):
    """Looks at the chain and the journal of a world of batches."""

    book: ClassVar[ScratchDatabase]
    world: BatchWorld

    def do(self, work: Any) -> Any:
        return self.book.loop.run(work)

    def look(self) -> None:
        """At most once, always; and never more or less than is owed."""
        for payment_id, seen in self.world.credited().items():
            assert len(seen) <= 1, f"paid {len(seen)} times: {payment_id} by {seen}"

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.do(self.rest())

    async def rest(self) -> None:
        """The network is well again, parked payments are retried: all come to an end."""
        world = self.world
        world.plan([], 0)
        for turn in range(ROUNDS_TO_REST):
            await world.close_circuit_breaker()
            for life in world.lives:
                await self.finish(life, 3)
            await world.gather(again=turn == 0)
            # A transaction of the soroban rail carries one transfer: each has its turn.
            for _ in world.lives[1:] if world.putting.transfers_max == 1 else ():
                await world.gather()
            for batch in [*world.batches.values()]:
                # A batch that fails once, and what is left of it.
                await self.finish(batch, 24)
            if await self.at_rest(turn):
                break
            world.close_ledgers(3)
        self.look()
        await self.settled()
        await world.rail.watch.close()

    async def finish(self, life: WorkflowRun, steps: int) -> None:
        stuck = 0
        for _ in range(steps):
            before = life.asks
            if before is None or life.quarantined:
                return
            await self.world.advance(life)
            stuck = stuck + 1 if life.asks is before else 0
            if isinstance(life, BatchWorkflowRun):
                self.world.close_ledgers(1)
            if stuck > 2 or (before.step == "wait" and not isinstance(life, BatchWorkflowRun)):
                return

    async def at_rest(self, turn: int) -> bool:
        """Nobody is under way; whoever is blocked was tried again for some turns."""
        left = [life.payment.id for life in self.world.lives if life.asks is not None]
        if not left:
            return True
        fates = await self.fates()
        ends = {fates[payment_id].status for payment_id in left}
        return ends <= {"quarantined"} or (turn > 3 and ends <= {"quarantined", "blocked"})

    async def fates(self) -> dict[str, Any]:
        async with self.book.database.autocommit() as connection:
            ids = [life.payment.id for life in self.world.lives]
            return {row.id: row for row in await connection.execute(FATES, {"ids": ids})}

    async def settled(self) -> None:
        """Nothing is lost, the book says what the chain says, and it is balanced."""
        credited, fates = self.world.credited(), await self.fates()
        for life in self.world.lives:
            row, seen = fates[life.payment.id], credited[life.payment.id]
            self.book.met[row.status] += 1
            taken = {(channel, sequence) for channel, sequence, live, _ in row.pairs or [] if live}
            if taken & self.world.foreign:
                assert row.status == "quarantined", f"went on after unknown bytes: {row}"
            if row.status == "confirmed":
                assert seen == [row.transaction_hash], f"confirmed and not paid: {row}, {seen}"
                assert row.out == -life.payment.amount_stroops, "posted otherwise than paid"
                assert life.receipt is not None, f"nobody told the life: {life.recorded}"
                assert life.receipt.transaction_hash == row.transaction_hash
                continue
            assert row.out == 0, "posted and not confirmed"
            if row.status == "quarantined":
                assert self.world.foreign or self.world.forgetful, "quarantined without cause"
                continue
            assert row.status == "blocked", f"lost: {row}, on the chain {seen}"
            assert seen == [], "parked and paid"
            self.blocked_with_cause(life, row.reason_code)
        await self.proven_allocation_by_allocation()

    def blocked_with_cause(self, life: WorkflowRun, code: str | None) -> None:
        if life.payment.to_address in self.world.gone:
            self.book.met["blocked: payee gone"] += 1
            return
        assert code == ReasonCode.TREASURY_UNDERFUNDED, f"parked for ever: {code}"

    async def proven_allocation_by_allocation(self) -> None:
        """The book's allocations of each transfer sum to what the chain has moved."""
        async with self.book.database.autocommit() as connection:
            ids = [life.payment.id for life in self.world.lives]
            rows = await connection.execute(TRANSFERS, {"ids": ids})
            booked = {(row.transaction_hash, row.number): row.amount for row in rows}
        moved = {
            (hash_, number): amount
            for number, seen in self.world.witness().items()
            for hash_, amount in seen
        }
        unknown = {place: amount for place, amount in moved.items() if place not in booked}
        assert booked.items() <= moved.items(), f"allocations {booked} of transfers {moved}"
        assert not unknown or self.world.forgetful or self.world.foreign, f"unbooked: {unknown}"
