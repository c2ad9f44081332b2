"""
A settlement in batches, in one process: ready payments are batched, batches have workflows of their own,
and each sum on the chain shows by itself which payments it is made of.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from activities.settlement import batches as batch_steps
from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from devstack.bench import seed_payments
from domain.settlement.batches import Batch, FormBatchesInput, Plan
from domain.settlement.payments import BlockPaymentInput
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.ledger.entries import AccountEntry, TrustLineEntry
from tests.simulation.workflow_driver import BatchWorkflowRun, WorkflowRun
from tests.simulation.world import (
    GENESIS,
    PASSPHRASE,
    POOL,
    XLM,
    Crash,
    SimulatedWorld,
    crashing_at,
)

MADE_OF = 10_000_000
MEMBERS_MAX = 7
# Room for three rewards and what tells them apart, and not for a fourth.
POOL_STROOPS = 3 * XLM + (2 << MEMBERS_MAX)
FATES = text(
    """
    SELECT p.id, p.status, p.reason_code, p.status_reason, p.transaction_hash,
           (SELECT json_agg(json_build_array(a.channel, a.sequence, s.live, a.status) ORDER BY a.opened_at)
            FROM allocations s JOIN attempts a ON (a.payment_id, a.n) = (s.lead_payment_id, s.n)
            WHERE s.payment_id = p.id) AS pairs,
           (SELECT coalesce(sum(g.amount_stroops), 0) FROM entries e
            JOIN postings g ON g.entry_id = e.id
            WHERE e.payment_id = p.id AND g.account LIKE 'treasury:%') AS out
    FROM payments p WHERE p.id = ANY(:ids)
    """
)
# What each transfer of a transaction is made of, as the journal has it.
TRANSFERS = text(
    """
    SELECT p.transaction_hash, s.number, sum(s.amount_stroops) AS amount
    FROM payments p JOIN allocations s ON s.payment_id = p.id AND s.live
    WHERE p.id = ANY(:ids) AND p.status = 'confirmed' GROUP BY 1, 2
    """
)


def patch_batching(patch: Any) -> None:
    """Patch form_batches to look once, after every netting window has passed."""
    ticks = iter(range(0, 10**9, 40))
    patch.setattr(batch_steps, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    patch.setattr(batch_steps, "asyncio", SimpleNamespace(sleep=_yield))
    patch.setattr(batch_steps, "datetime", SimpleNamespace(now=_later))
    context = SimpleNamespace(info=lambda: SimpleNamespace(attempt=1), heartbeat=lambda: None)
    patch.setattr(batch_steps, "activity", context)


async def _yield(_seconds: float) -> None:
    return None


def _later(_zone: Any = UTC) -> datetime:
    return datetime.now(UTC) + timedelta(hours=2)


class BatchWorld(SimulatedWorld):
    """A chain, a signer, and the workflows of some payments and of their batches."""

    def __init__(
        self, database: Database, signer: Callable[..., BatchActivitiesImpl], plan: Plan
    ) -> None:
        super().__init__(database, PaymentActivitiesImpl)
        self.signer = signer
        self.plan_in_force = plan
        self.batches: dict[str, BatchWorkflowRun] = {}
        # What form_batches had reserved when the signer died is found by the next call.
        self.batching_died = False
        self.gone: dict[str, list[AccountEntry | TrustLineEntry]] = {}

    async def begin(self, first_sequence: int, run: str, payments: int) -> None:
        await self._open(first_sequence)
        async with self.database.autocommit() as connection:
            # Who was blocked to the end of an earlier schedule may have been ready once more.
            await connection.exec_driver_sql(
                "UPDATE payments SET batch_ready_at = NULL WHERE batch_ready_at IS NOT NULL"
            )
        self.fill_pool()
        owed = await seed_payments.owe(self.database, run, payments, distinct=True)
        self.runs = [WorkflowRun(payment) for payment in owed]
        self.start_signer()
        await self.close_circuit_breaker()

    def fill_pool(self) -> None:
        """Let the pool have what three rewards take, and no fourth."""
        pool = self.box.network.ledger.root.load_trustline(POOL.public_key, GENESIS.asset)
        assert pool is not None
        self.box.network.change_entries([replace(pool, balance=POOL_STROOPS)], [])

    def start_signer(self) -> None:
        super().start_signer()
        gate = self.make_gate()
        self.steps = PaymentActivitiesImpl(self.database, self.rail, gate, batches_payments=True)
        self.batch_activities = self.signer(self.database, self.rail, self.plan_in_force, gate)

    def make_gate(self) -> SigningGate:
        return SigningGate(self.database, passphrase=PASSPHRASE)

    def all_runs(self) -> list[WorkflowRun]:
        return [*self.runs, *self.batches.values()]

    def running(self) -> list[BatchWorkflowRun]:
        return [batch for batch in self.batches.values() if batch.command is not None]

    def step(self, name: str) -> Callable[[Any], Awaitable[Any]]:
        if name == "signal":
            return self._signal
        steps: Any = self.batch_activities if hasattr(self.batch_activities, name) else self.steps
        found: Callable[[Any], Awaitable[Any]] = getattr(steps, name)
        return found

    async def _signal(self, message: tuple[str, ...]) -> None:
        payment_id, signal, *words = message
        for run in self.runs:
            if run.payment.id == payment_id:
                run.receive(signal, *words)

    async def form_batches(self, *, again: bool = False, crash_at: str | None = None) -> bool:
        """Form batches of what is ready; False when the signer died of it."""
        first = again or self.batching_died
        try:
            with crashing_at(crash_at):
                found = await self.batch_activities.form_batches(FormBatchesInput(first))
        except Crash:
            self.batching_died = True
            return False
        self.batching_died = False
        for batch in found or []:
            self._start(batch)
        return True

    def _start(self, batch: Batch) -> None:
        if batch.lead_payment_id not in {run.payment.id for run in self.runs}:
            return  # in quarantine since an earlier schedule
        running = self.batches.get(batch.id)
        if running is None or running.command is None:
            self.batches[batch.id] = BatchWorkflowRun(batch)
        else:
            running.receive("batch_reformed")

    async def check_reason(self, run: WorkflowRun, blocking: BlockPaymentInput) -> None:
        """Check nothing: a late signal of a removal may reach a payment that is in a new batch."""

    async def open_circuit_breaker(self) -> None:
        await self.batch_activities.gate.circuit_breaker.trip(
            "somebody is afraid", "corr-schedules"
        )

    def plan(self, faults: list[Fault], seed: int) -> None:
        """Plan faults, but none for a payee without an account."""
        super().plan([fault for fault in faults if fault.address not in self.gone], seed)

    def close_payee(self, address: str) -> None:
        """Close the account of a payee, with all that is on it."""
        super().plan([], 0)
        root = self.box.network.ledger.root
        account, line = root.load_account(address), root.load_trustline(address, GENESIS.asset)
        if account is not None and line is not None:
            self.gone[address] = [account, line]
            self.box.network.change_entries([], [account.key, line.key])

    def reopen_payee(self, address: str) -> None:
        if entries := self.gone.pop(address, None):
            self.box.network.change_entries([*entries], [])

    def read_credits_by_payment(self) -> dict[str, list[str]]:
        """Return by payment the transactions that credited it, as the sums on the chain show."""
        found: dict[str, list[str]] = {run.payment.id: [] for run in self.list_known()}
        for number, seen in self.read_credits().items():
            for hash_, amount_stroops in seen:
                members = self._find_members(amount_stroops)
                numbers = {each for run in members for each in self.list_numbers(run)}
                # That of the first in the queue, which is of its own order: journal and chain agree on it
                # (check_allocations).
                assert number in numbers, f"transfer {number} is made of {numbers}"
                ways = {(run.payment.from_address, run.payment.to_address) for run in members}
                assert len(ways) == 1, f"transfer {number} goes {ways}"
                for run in members:
                    found[run.payment.id].append(hash_)
        return found

    def list_numbers(self, run: WorkflowRun) -> set[int]:
        """Return every number that a payment was ever given."""
        return {run.payment.number}

    def list_known(self) -> list[WorkflowRun]:
        """Return the workflows of all payments that transfers may be made of."""
        return self.runs

    def _find_members(self, amount_stroops: int) -> list[WorkflowRun]:
        members = [
            run
            for run in self.list_known()
            if amount_stroops % MADE_OF & run.payment.amount_stroops % MADE_OF
        ]
        due = sum(run.payment.amount_stroops for run in members)
        assert due == amount_stroops > 0, f"{amount_stroops} stroops are made of no payments"
        return members
