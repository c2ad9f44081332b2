"""What must hold of a schedule of batches, after each move and when all has come to an end."""

from typing import Any

from domain.reasons import ReasonCode
from tests.simulation.batch_world import FATES, TRANSFERS, BatchWorld
from tests.simulation.network_moves import NetworkMoves
from tests.simulation.workflow_driver import BatchWorkflowRun, WorkflowRun

ROUNDS_TO_REST = 16


class BatchChecks(NetworkMoves):
    """Checks the chain and the journal of a world of batches."""

    world: BatchWorld

    def check_credits(self) -> None:
        """Check that each payment was credited at most once, and never more or less than is owed."""
        for payment_id, seen in self.world.read_credits_by_payment().items():
            assert len(seen) <= 1, f"paid {len(seen)} times: {payment_id} by {seen}"
            assert not (seen and payment_id in self.world.voided), f"paid after its void: {seen}"

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.do(self.finish_all())

    async def finish_all(self) -> None:
        """End all faults and retry what is blocked, so that every workflow comes to its end."""
        world = self.world
        world.plan([], 0)
        for turn in range(ROUNDS_TO_REST):
            await world.close_circuit_breaker()
            for run in world.runs:
                await self.finish(run, 3)
            await world.form_batches(again=turn == 0)
            # A transaction of the soroban rail carries one transfer: each has its turn.
            for _ in world.runs[1:] if world.plan_in_force.transfers_max == 1 else ():
                await world.form_batches()
            for batch in [*world.batches.values()]:
                # A batch that fails once, and what is left of it.
                await self.finish(batch, 24)
            if await self.is_at_rest(turn):
                break
            world.close_ledgers(3)
        self.check_credits()
        await self.check_voided()
        await self.check_settled()
        await world.rail.watch.close()

    async def finish(self, run: WorkflowRun, steps: int) -> None:
        stuck = 0
        for _ in range(steps):
            before = run.command
            if before is None or run.quarantined:
                return
            await self.world.advance(run)
            stuck = stuck + 1 if run.command is before else 0
            if isinstance(run, BatchWorkflowRun):
                self.world.close_ledgers(1)
            if stuck > 2 or (before.step == "wait" and not isinstance(run, BatchWorkflowRun)):
                return

    async def is_at_rest(self, turn: int) -> bool:
        """Return whether no payment is under way, and what is blocked was tried again for some turns."""
        left = [run.payment.id for run in self.world.runs if run.command is not None]
        if not left:
            return True
        fates = await self.read_fates()
        ends = {fates[payment_id].status for payment_id in left}
        return ends <= {"quarantined"} or (turn > 3 and ends <= {"quarantined", "blocked"})

    async def read_fates(self) -> dict[str, Any]:
        async with self.world.database.autocommit() as connection:
            ids = [run.payment.id for run in self.world.runs]
            return {row.id: row for row in await connection.execute(FATES, {"ids": ids})}

    async def check_settled(self) -> None:
        """Check that nothing is lost, and that journal and chain agree."""
        credited, fates = self.world.read_credits_by_payment(), await self.read_fates()
        for run in self.world.runs:
            row, seen = fates[run.payment.id], credited[run.payment.id]
            self.scratch.met[row.status] += 1
            if run.payment.id in self.world.voided:
                continue
            taken = {(channel, sequence) for channel, sequence, live, _ in row.pairs or [] if live}
            if taken & self.world.foreign:
                assert row.status == "quarantined", f"went on after unknown bytes: {row}"
            if row.status == "confirmed":
                assert seen == [row.transaction_hash], f"confirmed and not paid: {row}, {seen}"
                assert row.out == -run.payment.amount_stroops, "posted otherwise than paid"
                assert run.receipt is not None, f"nobody signalled the workflow: {run.recorded}"
                assert run.receipt.transaction_hash == row.transaction_hash
                continue
            assert row.out == 0, "posted and not confirmed"
            if row.status == "quarantined":
                assert self.world.foreign or self.world.forgetful, "quarantined without cause"
                continue
            assert row.status == "blocked", f"lost: {row}, on the chain {seen}"
            if self.is_doubted(run, row.reason_code):
                self.scratch.met["doubted"] += 1
                continue
            assert seen == [], "blocked and paid"
            self.check_cause(run, row.reason_code)
        await self.check_allocations()

    def is_doubted(self, run: WorkflowRun, code: str | None) -> bool:
        """Tell whether a person has to say what was paid; nobody has while the database forgets nothing."""
        return False

    def check_cause(self, run: WorkflowRun, code: str | None) -> None:
        if run.payment.to_address in self.world.gone:
            self.scratch.met["blocked: payee gone"] += 1
            return
        assert code == ReasonCode.TREASURY_UNDERFUNDED, f"blocked for ever: {code}"

    async def check_allocations(self) -> None:
        """Check that the allocations of each transfer sum to what the chain has moved."""
        async with self.world.database.autocommit() as connection:
            ids = [run.payment.id for run in self.world.runs]
            rows = await connection.execute(TRANSFERS, {"ids": ids})
            recorded = {(row.transaction_hash, row.number): row.amount for row in rows}
        moved = {
            (hash_, number): amount
            for number, seen in self.world.read_credits().items()
            for hash_, amount in seen
        }
        unknown = {place: amount for place, amount in moved.items() if place not in recorded}
        assert recorded.items() <= moved.items(), f"allocations {recorded} of transfers {moved}"
        assert not unknown or self.world.forgetful or self.world.foreign, f"unbooked: {unknown}"
