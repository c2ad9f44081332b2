"""
A world whose database may go back to what it was, while the chain goes on: the signer reads the chain as the
settlement worker does, and callers say again what the database has forgotten.
"""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from activities import networks
from activities.accounting import reconciliation
from activities.networks import ChainReadings
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.recovery import restorations
from adapters.postgres.settlement import payments
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from domain.accounting.journal import make_accrual
from domain.errors import ChainUnavailable
from domain.networks import ReadingBound
from domain.recovery.restorations import Restoration
from domain.settlement.payments import Payment, Treasury, derive_payment_id
from domain.sla.execution_modes import ExecutionMode
from domain.sla.verdicts import PaymentType
from services.settlement.channels.begin_settlement import BeginSettlement, begin_settlement
from tests.simulation.recovery.snapshots import Snapshot, put_back, take_snapshot
from tests.simulation.workflow_driver import PaymentRun, WorkflowRun
from tests.simulation.world import (
    BENEFICIARY,
    BOND,
    ISSUER,
    PASSPHRASE,
    POOL,
    PROVIDER,
    XLM,
    SimulatedWorld,
)

READING_MAX_AGE = timedelta(seconds=60)
_DECLARE = text(
    """
    INSERT INTO outages (id, status, severity, site_name, description, affected_services, detected_at,
        declared_at, resolved_at, fingerprint, correlation_id, agreement, agreement_version, policy,
        policy_version)
    SELECT :id, 'settling', 'critical', 'Mast', '', '[]', :at, :at, :at, '', :id, 'default', 1, name, version
    FROM policies WHERE name = 'standard' ORDER BY version LIMIT 1
    """
)
_CONFIRMED = text("SELECT id, status = 'confirmed' AS confirmed FROM payments")


class WorldClock:
    """The time by the ledgers of the world that is played; each look at it takes a second."""

    def __init__(self) -> None:
        self.read: Callable[[], float] = lambda: 0.0
        self._looks = 0

    def monotonic(self) -> float:
        self._looks += 1
        return self.read() + self._looks

    def now(self, _zone: Any = UTC) -> datetime:
        return datetime.fromtimestamp(self.read(), UTC)


CLOCK = WorldClock()


def replace_asyncio(**replaced: Any) -> SimpleNamespace:
    """Return what stands in for asyncio in a module that waits."""
    return SimpleNamespace(**{**vars(asyncio), **replaced})


def play_time(patch: Any) -> None:
    """Let the reading of the chain go by the clock of the world that is played."""
    timing = SimpleNamespace(monotonic=CLOCK.monotonic)
    patch.setattr(networks, "time", timing)
    patch.setattr(reconciliation, "time", SimpleNamespace(monotonic=lambda: 0.0))
    waits = replace_asyncio(timeout=lambda _seconds: nullcontext(), sleep=_pass)
    patch.setattr(networks, "asyncio", waits)


async def _pass(_seconds: float) -> None:
    """Take no time."""


class Backup:
    """A snapshot of the database, and what Temporal remembered of each workflow at that moment."""

    def __init__(self, rows: Snapshot, at: datetime, runs: list[WorkflowRun]) -> None:
        self.rows = rows
        self.at = at
        self.recorded = {run.payment.id: list(run.recorded) for run in runs}


class RecoveringWorld(SimulatedWorld):
    """A world whose signer reads the chain before it signs, and whose database may be restored."""

    # A restored database has forgotten what was voided: that is a person's to do again.
    may_void = False
    run_kind: type[WorkflowRun] = PaymentRun
    # Whether several payments may be made under the number of one.
    nets = False

    def __init__(self, database: Database, steps: Callable[..., PaymentActivitiesImpl]) -> None:
        super().__init__(database, steps)
        self.debts: dict[str, WorkflowRun] = {}
        # Every number that a debt was ever given.
        self.numbers: dict[str, set[int]] = {}
        self.owed_at: dict[str, datetime] = {}
        self.forgotten: dict[str, WorkflowRun] = {}
        self.backup: Backup | None = None
        self.serving = False

    async def begin(self, first_sequence: int, run: str, payments: int) -> None:
        await self._open(first_sequence)
        CLOCK.read = self.box.clock
        for _ in range(payments):
            await self.owe()
        self.start_signer()
        await self.close_circuit_breaker()

    def start_signer(self) -> None:
        super().start_signer()
        treasuries = [BOND.public_key, POOL.public_key]
        history = TreasuryHistory(self.rail.nodes, PASSPHRASE, ISSUER.public_key, treasuries)
        bound = ReadingBound(0, READING_MAX_AGE)
        self.readings = ChainReadings(
            *(self.database, history, bound, lambda: self.rail.nodes.highest, CLOCK.now)
        )
        self.steps = self.make_steps(self.database, self.rail, self.make_gate())
        self.serving = False

    def make_gate(self) -> SigningGate:
        return SigningGate(
            self.database,
            now=CLOCK.now,
            readings=self.readings,
            nets=self.nets,
            passphrase=PASSPHRASE,
        )

    async def serve(self) -> bool:
        """Do what the settlement worker does at its start; False while no node answers."""
        if self.serving:
            return True
        try:
            sequences = (await self.rail.read_channels(agreed=True)).sequences
        except ChainUnavailable:
            return False
        started_at = self.rail.nodes.highest
        command = BeginSettlement(
            sequences, ExecutionMode.LOCAL, CLOCK.now(), started_at + LEDGERS_TO_LIVE
        )
        await begin_settlement(self.database, command)
        self.readings.require(started_at)
        await self.readings.find_unread()
        self.serving = True
        return True

    async def advance(
        self, run: WorkflowRun, *, runs: int = 1, crash_at: str | None = None
    ) -> bool:
        if run.payment.id in self.forgotten or not await self.serve():
            return True
        return await super().advance(run, runs=runs, crash_at=crash_at)

    async def restart(self, kept: Callable[[int], int]) -> None:
        await self.readings.close()
        await super().restart(kept)

    async def owe(self) -> None:
        """Owe a payment for an outage that nobody has declared before."""
        payment = await self._declare(f"outage {len(self.debts) + 1}")
        self.debts[payment.id] = self.run_kind(payment)
        self.runs = list(self.debts.values())

    async def declare_again(self) -> bool:
        """Declare the outages that the database has forgotten, as they were; False when there are none."""
        again, self.forgotten = self.forgotten, {}
        for payment_id, run in again.items():
            payment = await self._declare(run.payment.outage_id)
            assert payment.id == payment_id
            self.debts[payment_id] = self.run_kind(payment)
        self.runs = list(self.debts.values())
        return bool(again)

    async def _declare(self, outage_id: str) -> Payment:
        at = self.owed_at.setdefault(outage_id, CLOCK.now())
        debt = self.make_debt(outage_id)
        async with self.database.transaction() as connection:
            await connection.execute(_DECLARE, {"id": outage_id, "at": at})
            payment = await payments.add(connection, debt, PASSPHRASE, at)
            if hasattr(signer := self.get_signer(), "renumber"):
                payment = await signer.renumber(connection, payment)
            await journal.post_entry(connection, make_accrual(payment))
        self.numbers.setdefault(payment.id, set()).add(payment.number)
        return payment

    def get_signer(self) -> Callable[..., Any]:
        return self.make_steps

    async def back_up(self) -> None:
        """Keep what the database and the workflow server know now, in place of an earlier backup."""
        self.backup = Backup(await take_snapshot(self.database), CLOCK.now(), self.runs)

    async def restore(self, *, memory: bool, recorded: bool) -> None:
        """
        Restore the backup, while the chain goes on; with `memory` the workflow server was not restored.
        `recorded` says that `apexchainx restore` did it, and not a snapshot of a disk.
        """
        assert self.backup is not None
        await self.readings.close()
        await self.rail.watch.close()
        await put_back(self.database, self.backup.rows)
        if recorded:
            async with self.database.transaction() as connection:
                at = CLOCK.now()
                restored = Restoration(at, self.backup.at, "", None, None)
                await restorations.add(connection, restored)
        async with self.database.autocommit() as connection:
            known = {row.id: row.confirmed for row in await connection.execute(_CONFIRMED)}
        for payment_id, run in list(self.debts.items()):
            if payment_id not in known:
                self.forgotten[payment_id] = run
            elif memory:
                self._recover(run, confirmed=known[payment_id])
            else:
                run.run.close()
                run.recorded = list(self.backup.recorded[payment_id])
                run.begin()
        self.start_signer()
        self.forgetful = True

    def _recover(self, run: WorkflowRun, *, confirmed: bool) -> None:
        """Start a workflow again that has ended, and whose payment is not made by the database's word."""
        if run.command is None and not confirmed:
            self.debts[run.payment.id] = self.run_kind(run.payment)
            self.runs = list(self.debts.values())

    def make_debt(self, outage_id: str) -> Payment:
        """Return what is owed for an outage, every other one a penalty."""
        penalty = int(outage_id.split()[-1]) % 2 == 0
        return Payment(
            id=derive_payment_id(PASSPHRASE, "default", outage_id, 1),
            number=0,
            outage_id=outage_id,
            revision=1,
            type=PaymentType.PENALTY if penalty else PaymentType.REWARD,
            amount_stroops=XLM,
            payer=Treasury.BOND if penalty else Treasury.POOL,
            from_address=(BOND if penalty else POOL).public_key,
            to_address=(BENEFICIARY if penalty else PROVIDER).public_key,
            correlation_id=outage_id,
        )
