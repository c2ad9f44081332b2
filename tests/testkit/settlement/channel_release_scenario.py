"""An operator asked to release a channel of a chain in memory, with the journal and the nodes of a test's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from time import time_ns
from typing import Any, cast
from uuid import uuid4

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.accounting.reconciliation import ReconciliationActivitiesImpl
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres import audit
from adapters.postgres.settlement import payments as records
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from cli.channel_release import ReleaseContext, ReleaseRequest, release
from domain.access.scopes import EVERYTHING
from domain.accounting.reconciliation import ReconciliationRun
from domain.settlement.attempts import (
    Attempt,
    AttemptOutcome,
    Observation,
    ObservedAttempt,
)
from domain.settlement.payments import Payment
from stellar_sandbox.faults.fault_plan import Fault
from tests.simulation.scratch_databases import ScratchDatabase
from tests.simulation.world import (
    BOND,
    CHANNEL_KEYS,
    ISSUER,
    PASSPHRASE,
    POOL,
    SimulatedWorld,
)
from tests.testkit.settlement.preparations import get_attempt

TREASURIES = [BOND.public_key, POOL.public_key]
CHANNELS = [key.public_key for key in CHANNEL_KEYS]
RETENTION = 3
FORGOTTEN = "consumed in ledgers that no node remembers"


class FakeTemporalClient:
    """Stands in for Temporal: which workflows are signalled to go on."""

    def __init__(self) -> None:
        self.signalled: list[str] = []
        self.trouble: RPCStatusCode | None = None

    def get_workflow_handle(self, name: str) -> "FakeWorkflowHandle":
        return FakeWorkflowHandle(self, name)


class FakeWorkflowHandle:
    def __init__(self, temporal: FakeTemporalClient, name: str) -> None:
        self.temporal = temporal
        self.name = name

    async def signal(self, signal: str, **_: Any) -> None:
        assert signal == "retry"
        if self.temporal.trouble is not None:
            raise RPCError("no", self.temporal.trouble, b"")
        self.temporal.signalled.append(self.name)


class Scene:
    """One payment on a chain of its own, and an operator who is asked to release its channel."""

    def __init__(self, scratch: ScratchDatabase) -> None:
        self.scratch = scratch
        self.temporal = FakeTemporalClient()
        self.world = SimulatedWorld(scratch.database, PaymentActivitiesImpl)

    async def begin(self) -> None:
        async with self.scratch.database.transaction() as connection:
            # The channels bear the names of those of the last chain: nothing of that serves them.
            await connection.exec_driver_sql("UPDATE attempts SET status = 'failed'")
        await self.world.begin(time_ns() >> 8, f"doubts-{uuid4().hex[:6]}", 1)
        async with self.scratch.database.transaction() as connection:
            # The ledgers of a new chain have the numbers of those of the last.
            await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for table in ("chain_transfers", "chain_gaps", "chain_cursor"):
                await connection.exec_driver_sql(f"DELETE FROM {table}")

    @property
    def payment(self) -> Payment:
        return self.world.runs[0].payment

    async def prepared(self) -> Attempt:
        return get_attempt(await self.world.steps.prepare_payment(self.payment))

    async def quarantine(self, attempt: Attempt, seen: Observation) -> None:
        observed = ObservedAttempt(self.payment, attempt, seen, datetime.now(UTC))
        await self.world.steps.quarantine_payment(observed)

    async def sent(self) -> Attempt:
        attempt = await self.prepared()
        await self.world.steps.submit_payment(attempt)
        self.world.close_ledgers(2)
        return attempt

    async def stolen(self) -> Attempt:
        """The sequence is used by somebody else, so that the payment's own bytes never land."""
        attempt = await self.prepared()
        (key,) = [key for key in CHANNEL_KEYS if key.public_key == attempt.channel]
        await self.world.use_channel(key)
        return attempt

    async def dead(self) -> Attempt:
        """Nothing was sent in time, and somebody believes that the channel is used by others."""
        attempt = await self.prepared()
        self.world.close_ledgers(attempt.max_ledger)
        foreign = Observation(AttemptOutcome.FOREIGN, reason="consumed by bytes we do not know")
        await self.quarantine(attempt, foreign)
        return attempt

    async def forgotten(self, attempt: Attempt) -> None:
        """The signer is away for longer than any node remembers, and finds what it cannot explain."""
        self.world.close_ledgers(40)
        self.world.plan([Fault("short_retention", value=RETENTION)], 0)
        seen = await self.world.rail.observe(
            attempt, lambda: self.world.steps.list_signed_hashes(attempt)
        )
        assert (seen.outcome, seen.reason) == (AttemptOutcome.FOREIGN, FORGOTTEN)
        await self.quarantine(attempt, seen)

    async def reconciled(self) -> None:
        """Run reconciliation over what the nodes remember of the chain."""
        nodes = self.world.rail.nodes
        history = TreasuryHistory(nodes, PASSPHRASE, ISSUER.public_key, TREASURIES)
        steps = ReconciliationActivitiesImpl(self.scratch.database, history)
        await steps.read_chain(ReconciliationRun(datetime.now(UTC)))

    async def release(
        self, attempt: Attempt, evidence: str = "", channels: Sequence[str] = CHANNELS
    ) -> None:
        client = cast(Client, self.temporal)
        context = ReleaseContext(
            self.scratch.database, self.world.rail.nodes, PASSPHRASE, client, channels
        )
        await release(context, ReleaseRequest(attempt.channel, "Ada", "ticket 4711", evidence))

    async def read_audit_entry(self, attempt: Attempt) -> dict[str, Any]:
        """What the audit trail says of the last release."""
        async with self.scratch.database.autocommit() as connection:
            trail = await audit.read_trail(connection, f"channel/{attempt.channel}")
        return dict(trail[-1]["evidence"])

    async def status(self) -> str:
        async with self.scratch.database.autocommit() as connection:
            return str((await records.get(connection, self.payment.id, EVERYTHING)).status)


@contextmanager
def scene(scratch: ScratchDatabase) -> Iterator[Scene]:
    made = Scene(scratch)
    scratch.loop.run(made.begin())
    try:
        yield made
    finally:
        scratch.loop.run(made.world.rail.watch.close())
