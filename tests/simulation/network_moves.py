"""
The moves that schedules of payments and of batches have in common: those of the network, and those of
somebody who voids a debt.
"""

from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition
from sqlalchemy import text

from adapters import failpoints
from adapters.postgres import events
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.errors import Conflict
from domain.requests import Request
from domain.settlement.payments import Payment
from domain.sla.outages import VoidDebtInput, VoidRequest
from services.settlement.voids.void_debt import void_debt
from stellar_sandbox.faults.fault_plan import Fault
from tests.simulation.recorded_schedules import Recorded, rule
from tests.simulation.scratch_databases import ScratchDatabase
from tests.simulation.workflow_driver import WorkflowRun
from tests.simulation.world import BENEFICIARY, CHANNEL_KEYS, NODES, PROVIDER, SimulatedWorld

SEND = "sendTransaction"
# Where the signer is outside of a transaction, so that somebody else comes in between; None: between two activities.
MOMENTS = st.sampled_from(
    [
        *(None, "before_reserve", "after_reserve", "after_sign", "after_store", "after_send"),
        *("after_observe", "after_book", "after_fail", "after_block"),
    ]
)
OWED_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
# A verdict for what is owed without one.
_JUDGE = text(
    """
    INSERT INTO sla_results (outage_id, revision, severity, status, payment_type, rating, mttr_minutes, mttr_basis,
        threshold_minutes, amount_stroops, policy, policy_version, policy_digest, judged_at, payment_id)
    SELECT p.outage_id, 1, 'critical', CASE p.type WHEN 'penalty' THEN 'violated' ELSE 'met' END, p.type,
           CASE p.type WHEN 'penalty' THEN 'poor' ELSE 'good' END, 30, 'detected', 15,
           CASE p.type WHEN 'penalty' THEN -p.amount_stroops ELSE p.amount_stroops END,
           'standard', 1, '', now(), p.id
    FROM payments p WHERE p.id = :payment ON CONFLICT DO NOTHING
    """
)
_VOIDED = text(
    """
    SELECT p.id, p.status, o.status AS outage,
           (SELECT coalesce(json_agg(owed), '[]') FROM (
               SELECT g.account, sum(g.amount_stroops) FROM entries e JOIN postings g ON g.entry_id = e.id
               WHERE e.payment_id = p.id GROUP BY 1 HAVING sum(g.amount_stroops) <> 0) AS owed) AS owed
    FROM payments p JOIN outages o ON o.id = p.outage_id WHERE p.id = ANY(:ids)
    """
)
KINDS = st.sampled_from(
    [
        *(Fault(kind, SEND, rate=0.7) for kind in ("accept_then_timeout", "reset_before")),
        *(Fault(kind, SEND, rate=0.7) for kind in ("reset_after", "too_many_requests")),
        *(Fault(kind, SEND, rate=0.7) for kind in ("bad_gateway", "internal_error", "garbage")),
        *(Fault(kind, rate=0.3) for kind in ("bad_gateway", "garbage", "internal_error")),
        *(Fault("node_down", node=node) for node in range(NODES)),
        *(Fault("lagging_node", node=node, value=lag) for node in range(NODES) for lag in (2, 12)),
        Fault("racy_not_found", rate=0.6),
        Fault("banned_hash", rate=0.6),
        Fault("dropped_transaction", rate=0.6),
        Fault("surge_fee", value=30_000),
        Fault("surge_fee", value=3_000_000_000),
        Fault("frozen_trustline", address=BENEFICIARY.public_key),
        Fault("frozen_key", address=BENEFICIARY.public_key),
        Fault("frozen_key", address=CHANNEL_KEYS[0].public_key),
        Fault("removed_trustline", address=PROVIDER.public_key),
        Fault("short_retention", value=3),
        Fault("network_halt"),
        Fault("protocol_upgrade", value=28),
    ]
)

# What one node may say that is not so, and in which method alone.
LIES = st.sampled_from(
    [
        ("lying_failed", None),
        ("lying_failed", "getTransaction"),
        ("lying_failed", "getTransactions"),
        ("lying_success", None),
        ("high_sequence", None),
    ]
)


class NetworkMoves(Recorded):
    """A network that closes ledgers and has faults; what pays over it is added by who inherits."""

    scratch: ClassVar[ScratchDatabase]
    world: SimulatedWorld

    def do(self, work: Any) -> Any:
        return self.scratch.loop.run(work)

    @abstractmethod
    def check_credits(self) -> None:
        """Check that each payment was credited at most once."""

    async def finish_all(self) -> None:
        """End all faults, so that every workflow comes to its end, and check how all have ended."""
        raise NotImplementedError

    @rule(ledgers=st.sampled_from([1, 1, 2, 3, 5, 8, 30]))
    def close(self, ledgers: int) -> None:
        self.world.close_ledgers(ledgers)
        self.check_credits()

    @rule(faults=st.lists(KINDS, max_size=3), seed=st.integers(0, 7))
    def inject_faults(self, faults: list[Fault], seed: int) -> None:
        # A plan counts down what is left of a fault, so each has its own.
        self.world.plan([Fault(**fields(fault)) for fault in faults], seed)
        for fault in faults:
            self.scratch.met[f"fault {fault.kind}"] += 1
        self.check_credits()

    @abstractmethod
    def get_run(self, which: int) -> WorkflowRun:
        """Return the workflow of a payment."""

    def get_signing_run(self, which: int) -> WorkflowRun:
        """Return the workflow whose activities sign for a payment."""
        return self.get_run(which)

    @precondition(lambda self: self.world.may_void)
    @rule(which=st.integers(0, 6), moment=MOMENTS)
    def void(self, which: int, moment: str | None) -> None:
        """Void a debt, between two activities of the signer or in the middle of one."""
        run = self.get_run(which)
        accepted = []

        def void_now() -> None:
            accepted.append(
                self.scratch.somebody_else.run(lambda theirs: void_owed(theirs, run.payment))
            )
            if accepted[-1]:
                self.world.voided.add(run.payment.id)

        if moment is None:
            void_now()
        else:
            self.do(self.world.advance(self.get_signing_run(which), strike=once(moment, void_now)))
        self.scratch.met["void refused"] += accepted == [False]
        if accepted == [True]:
            self.scratch.met["voided" if moment is None else "voided meanwhile"] += 1
            run.receive("retry")
        self.check_credits()

    async def check_voided(self) -> None:
        """Check that what was voided stays so, that nothing is owed for it, and that nobody works on it."""
        ids = list(self.world.voided)
        if not ids:
            return
        async with self.scratch.database.autocommit() as connection:
            rows = (await connection.execute(_VOIDED, {"ids": ids})).all()
        for row in rows:
            assert (row.status, row.outage) == ("voided", "voided"), (
                f"went on after its void: {row}"
            )
            assert row.owed == [], f"owed after its void: {row}"
        for run in self.world.runs:
            if run.payment.id in self.world.voided:
                assert run.command is None, f"went on after its void: {run.recorded}"
                assert run.receipt is None, f"paid after its void: {run.receipt}"


class NodeLies(NetworkMoves):
    """
    A node that lies while the others tell the truth and answer: of two that lie alike, or of one alone that lies
    in all it says, nobody can tell.
    """

    @rule(lie=LIES, node=st.integers(0, NODES - 1))
    def let_node_lie(self, lie: tuple[str, str | None], node: int) -> None:
        kind, method = lie
        self.inject_faults([Fault(kind, method, node, value=3)], 0)


def fields(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in Fault.__slots__}


def once(point: str, work: Callable[[], None]) -> Callable[[str], None]:
    """Return what does some work when a failpoint is reached for the first time."""

    def strike(here: str) -> None:
        if here == point:
            failpoints.arm(None)
            work()

    return strike


async def void_owed(database: Database, payment: Payment) -> bool:
    """Void a debt; False where it is refused."""
    asked = VoidRequest(Request("somebody else", payment.correlation_id), "another mast")
    try:
        async with database.transaction() as connection:
            await connection.execute(_JUDGE, {"payment": payment.id})
            subject, by = f"outage/{payment.outage_id}", Request("maker", payment.correlation_id)
            for action in ("outage.declared", "outage.judged"):
                entry = make_audit_entry(subject, action, by, OWED_AT, {}, payment.id)
                await events.publish(connection, entry)
        await void_debt(
            database, VoidDebtInput(payment.outage_id, asked, datetime.now(UTC)), "sandbox"
        )
    except Conflict:
        return False
    return True
