"""
A settlement in one process whose payments go together: who is ready is gathered, batches have
lives of their own, and a sum on the chain tells by itself whose money was in it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from activities import batches as batch_steps
from activities.batches import BatchActivities
from activities.limits import Gate
from activities.payments import PaymentActivities
from adapters.postgres.database import Database
from benchmarks import dues
from domain.batches import Batch, Gathering, Plan
from domain.payments import Parking
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.ledger.entries import AccountEntry, TrustLineEntry
from tests.driven import BatchLife, Life
from tests.schedules import GENESIS, POOL, XLM, Crash, World, dying

MADE_OF = 10_000_000
MEMBERS_MAX = 7
# Room for three rewards and what tells them apart, and not for a fourth.
POOL_STROOPS = 3 * XLM + (2 << MEMBERS_MAX)
FATES = text(
    """
    SELECT p.id, p.status, p.reason_code, p.status_reason, p.transaction_hash,
           (SELECT json_agg(json_build_array(a.channel, a.sequence, s.live, a.status) ORDER BY a.opened_at)
            FROM shares s JOIN attempts a ON (a.payment_id, a.n) = (s.leader, s.n)
            WHERE s.payment_id = p.id) AS pairs,
           (SELECT coalesce(sum(g.amount_stroops), 0) FROM entries e
            JOIN postings g ON g.entry_id = e.id
            WHERE e.payment_id = p.id AND g.account LIKE 'treasury:%') AS out
    FROM payments p WHERE p.id = ANY(:ids)
    """
)
# What each transfer of a transaction is made of, as the book has it.
TRANSFERS = text(
    """
    SELECT p.transaction_hash, s.number, sum(s.amount_stroops) AS amount
    FROM payments p JOIN shares s ON s.payment_id = p.id AND s.live
    WHERE p.id = ANY(:ids) AND p.status = 'confirmed' GROUP BY 1, 2
    """
)


def play_gathering(patch: Any) -> None:
    """Let a look for payments that are ready be one look, when every window has passed."""
    ticks = iter(range(0, 10**9, 40))
    patch.setattr(batch_steps, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    patch.setattr(batch_steps, "asyncio", SimpleNamespace(sleep=_yield))
    patch.setattr(batch_steps, "datetime", SimpleNamespace(now=_later))
    told = SimpleNamespace(info=lambda: SimpleNamespace(attempt=1), heartbeat=lambda: None)
    patch.setattr(batch_steps, "activity", told)


async def _yield(_seconds: float) -> None:
    return None


def _later(_zone: Any = UTC) -> datetime:
    return datetime.now(UTC) + timedelta(hours=2)


class BatchWorld(World):
    """A chain, a signer, the lives of some payments and of the batches they ride in."""

    def __init__(
        self, database: Database, signer: Callable[..., BatchActivities], plan: Plan
    ) -> None:
        super().__init__(database, PaymentActivities)
        self.signer = signer
        self.putting = plan
        self.batches: dict[str, BatchLife] = {}
        # What a gathering had reserved when it died is found by the next.
        self.gathering_died = False
        self.gone: dict[str, list[AccountEntry | TrustLineEntry]] = {}

    async def begin(self, first_sequence: int, run: str, payments: int) -> None:
        await self._open(first_sequence)
        async with self.database.autocommit() as connection:
            # Who was parked to the end of an earlier schedule may have been ready once more.
            await connection.exec_driver_sql(
                "UPDATE payments SET gathered_at = NULL WHERE gathered_at IS NOT NULL"
            )
        pool = self.box.network.ledger.root.load_trustline(POOL.public_key, GENESIS.asset)
        assert pool is not None
        self.box.network.change_entries([replace(pool, balance=POOL_STROOPS)], [])
        owed = await dues.owe(self.database, run, payments, telling=True)
        self.lives = [Life(payment) for payment in owed]
        self.start_signer()
        await self.close_breaker()

    def start_signer(self) -> None:
        super().start_signer()
        gate = Gate(self.database)
        self.steps = PaymentActivities(self.database, self.rail, gate, gathers=True)
        self.together = self.signer(self.database, self.rail, self.putting, gate)

    def all_lives(self) -> list[Life]:
        return [*self.lives, *self.batches.values()]

    def running(self) -> list[BatchLife]:
        return [batch for batch in self.batches.values() if batch.asks is not None]

    def step(self, name: str) -> Callable[[Any], Awaitable[Any]]:
        if name == "tell":
            return self._tell
        steps: Any = self.together if hasattr(self.together, name) else self.steps
        found: Callable[[Any], Awaitable[Any]] = getattr(steps, name)
        return found

    async def _tell(self, message: tuple[str, ...]) -> None:
        payment_id, signal, *words = message
        for life in self.lives:
            if life.payment.id == payment_id:
                life.hear(signal, *words)

    async def gather(self, *, again: bool = False, crash_at: str | None = None) -> bool:
        """Look for who is ready; False when the signer died of it."""
        first = again or self.gathering_died
        try:
            with dying(crash_at):
                found = await self.together.gather_batches(Gathering(first))
        except Crash:
            self.gathering_died = True
            return False
        self.gathering_died = False
        for batch in found or []:
            self._start(batch)
        return True

    def _start(self, batch: Batch) -> None:
        if batch.leader not in {life.payment.id for life in self.lives}:
            return  # in quarantine since an earlier schedule
        running = self.batches.get(batch.id)
        if running is None or running.asks is None:
            self.batches[batch.id] = BatchLife(batch)
        else:
            running.hear("gathered")

    async def said(self, parking: Parking) -> None:
        """Nothing: a batch may have taken who is told late that an earlier one left it out."""

    async def open_breaker(self) -> None:
        await self.together.gate.breaker.trip("somebody is afraid", "corr-schedules")

    def plan(self, faults: list[Fault], seed: int) -> None:
        """Who is gone has no trustline to disturb."""
        super().plan([fault for fault in faults if fault.address not in self.gone], seed)

    def lose(self, address: str) -> None:
        """A payee closes the account, with all that is on it."""
        super().plan([], 0)
        root = self.box.network.ledger.root
        account, line = root.load_account(address), root.load_trustline(address, GENESIS.asset)
        if account is not None and line is not None:
            self.gone[address] = [account, line]
            self.box.network.change_entries([], [account.key, line.key])

    def find(self, address: str) -> None:
        if entries := self.gone.pop(address, None):
            self.box.network.change_entries([*entries], [])

    def credited(self) -> dict[str, list[str]]:
        """By payment, the transactions that credited it: as the sums on the chain tell."""
        found: dict[str, list[str]] = {life.payment.id: [] for life in self.lives}
        for number, seen in self.witness().items():
            for hash_, amount_stroops in seen:
                members = self._made_of(amount_stroops)
                numbers = [life.payment.number for life in members]
                assert number == min(numbers), f"transfer {number} is made of {numbers}"
                ways = {(life.payment.from_address, life.payment.to_address) for life in members}
                assert len(ways) == 1, f"transfer {number} goes {ways}"
                for life in members:
                    found[life.payment.id].append(hash_)
        return found

    def _made_of(self, amount_stroops: int) -> list[Life]:
        members = [
            life
            for life in self.lives
            if amount_stroops % MADE_OF & life.payment.amount_stroops % MADE_OF
        ]
        due = sum(life.payment.amount_stroops for life in members)
        assert due == amount_stroops > 0, f"{amount_stroops} stroops are made of no payments"
        return members
