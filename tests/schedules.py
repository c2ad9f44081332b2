"""
A whole settlement in one process, one step at a time: the real steps on the real database, a chain
in memory through the SDK's own client, and the payments' own life between them.

The life is the code of PaymentWorkflow itself; only what Temporal does for it is played here: it
remembers answers, and after a crash forgets those that were not recorded yet.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
from stellar_sdk import Account, Keypair, TransactionBuilder
from stellar_sdk.soroban_server_async import SorobanServerAsync

from activities.payments import PaymentActivities
from adapters import failpoints
from adapters.postgres import attempts
from adapters.postgres.database import Database
from adapters.stellar import ledgers
from adapters.stellar import rail as rails
from adapters.stellar.keys import Keys
from adapters.stellar.nodes import Node, Nodes
from adapters.stellar.rail import Rail
from benchmarks import dues
from domain.errors import TryAgain
from domain.payments import Payment, Treasury
from sandbox.stellar.client import Box
from sandbox.stellar.entries import Account as LedgerAccount
from sandbox.stellar.faults import Fault
from sandbox.stellar.genesis import Genesis
from sandbox.stellar.histories import splice
from sandbox.stellar.incidents import start_plan
from tests.witness import transfers_of
from workflows import attempts as attempt_lives
from workflows import payments as payment_lives
from workflows import steps as life_steps
from workflows.payments import PaymentWorkflow

PASSPHRASE = "Standalone ApexChainx Schedules ; 2026"
CHANNELS, NODES = 3, 3
XLM = 10_000_000


def key(name: str) -> Keypair:
    return Keypair.from_raw_ed25519_seed(name.encode().ljust(32, b"."))


BOND, POOL, FEES, OPERATOR = key("bond"), key("pool"), key("fees"), key("operator")
PROVIDER, BENEFICIARY, ISSUER = key("provider"), key("beneficiary"), key("issuer")
CHANNEL_KEYS = [key(f"channel {number}") for number in range(CHANNELS)]
KEYS = Keys(
    {Treasury.BOND: BOND, Treasury.POOL: POOL},
    {channel.public_key: channel for channel in CHANNEL_KEYS},
    FEES,
    OPERATOR,
)


def _genesis() -> Genesis:
    def row(owner: Keypair, usdc: int | None) -> dict[str, Any]:
        held = {"native_stroops": 1_000 * XLM, "usdc_stroops": usdc}
        return {"address": owner.public_key} | held

    # The pool pays three rewards, and no fourth.
    funded = [row(BOND, 1_000 * XLM), row(POOL, 3 * XLM), row(PROVIDER, 0), row(BENEFICIARY, 0)]
    plain = [row(owner, None) for owner in (FEES, OPERATOR, *CHANNEL_KEYS)]
    return Genesis.parse(
        {
            "network_passphrase": PASSPHRASE,
            "asset": {"code": "USDC", "issuer": ISSUER.public_key},
            "accounts": funded + plain,
        }
    )


GENESIS = _genesis()


class Crash(BaseException):
    """The signer died here; nothing may catch this."""


@dataclass(frozen=True)
class Ask:
    """What a life asks of Temporal: a step by name, or to wait."""

    step: str
    message: Any = None

    def __await__(self) -> Generator["Ask", Any, Any]:
        return (yield self)


class Driven(PaymentWorkflow):
    """The payment's own life; each step it takes is handed out to whoever drives it."""

    async def insist(self, method: Any, message: Any, limit: Any = None) -> Any:
        return await Ask(method.__name__, message)


async def _waits(*_given: Any, **_options: Any) -> None:
    await Ask("wait")


# What workflow code asks of Temporal besides its steps.
TEMPORAL = SimpleNamespace(
    now=lambda: datetime.now(UTC),
    sleep=_waits,
    wait_condition=_waits,
    patched=lambda _change: True,
    info=lambda: SimpleNamespace(is_continue_as_new_suggested=lambda: False),
    set_current_details=lambda _text: None,
)


@dataclass
class Life:
    """One payment: what it asks for next, and the answers Temporal remembers."""

    payment: Payment
    recorded: list[tuple[str, Any]] = field(default_factory=list)
    asks: Ask | None = None
    receipt: Any = None
    quarantined: bool = False

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Replay: live again from the start, on the answers that are remembered."""
        self.workflow = Driven(self.payment)
        self.run = self.workflow.run(self.payment)
        self.asks = self.run.send(None)
        for step, answer in list(self.recorded):
            assert self.asks is not None
            assert self.asks.step == step, "a life that does not replay"
            self._send(answer)

    def answer(self, answer: Any) -> None:
        assert self.asks is not None
        self.recorded.append((self.asks.step, answer))
        self._send(answer)

    def forget(self, kept: int) -> None:
        """The worker is gone, and with it the answers that were not recorded."""
        if self.asks is not None:
            del self.recorded[kept:]
            self.run.close()
            self.begin()

    def _send(self, answer: Any) -> None:
        assert self.asks is not None
        self.quarantined = self.asks.step == "quarantine_payment"
        try:
            self.asks = self.run.send(answer)
        except StopIteration as ended:
            self.asks, self.receipt = None, ended.value


class World:
    """A chain, a signer, and the lives of some payments."""

    def __init__(self, database: Database, steps: Callable[..., PaymentActivities]) -> None:
        self.database = database
        self.make_steps = steps
        self.lives: list[Life] = []
        self.foreign: set[tuple[str, int]] = set()
        self.forgetful = False
        self.seen = 0
        self.credits: dict[int, list[tuple[str, int]]] = {}

    async def begin(self, first_sequence: int, run: str, payments: int) -> None:
        """Make a new chain and owe payments; channels start at a sequence never used before."""
        self.box = Box(GENESIS)
        owners = [channel.public_key for channel in CHANNEL_KEYS]
        self.box.network.change(
            [LedgerAccount(owner, 1_000 * XLM, first_sequence) for owner in owners], []
        )
        async with self.database.transaction() as connection:
            await attempts.keep_channels(connection, dict.fromkeys(owners, first_sequence))
            await connection.exec_driver_sql(
                f"UPDATE channels SET sequence = {first_sequence}, payment_id = NULL,"
                " quarantined = false"
            )
        owed = await dues.owe(self.database, run, payments)
        self.lives = [Life(payment) for payment in owed]
        self.start_signer()

    def start_signer(self) -> None:
        nodes = Nodes(
            [
                Node(f"node {index}", SorobanServerAsync("http://box", self.box.client(index)))
                for index in range(NODES)
            ]
        )
        self.rail = Rail(nodes, PASSPHRASE, ISSUER.public_key, KEYS)
        self.steps = self.make_steps(self.database, self.rail)

    async def advance(self, life: Life, *, runs: int = 1, crash_at: str | None = None) -> bool:
        """Let a life take its next step; False when the signer died of it."""
        if life.asks is None:
            return True
        if life.asks.step == "wait":
            if not life.quarantined or life.workflow.retry_wanted:
                life.answer(None)
            return True
        try:
            life.answer(await self._answer(life.asks, runs, crash_at))
        except TryAgain:
            pass
        except Crash:
            return False
        return True

    async def _answer(self, asks: Ask, runs: int, crash_at: str | None) -> Any:
        step = getattr(self.steps, asks.step)
        failpoints.arm(_strike(crash_at) if crash_at else None)
        try:
            for _ in range(runs - 1):
                try:
                    await step(asks.message)
                except TryAgain:
                    continue
            return await step(asks.message)
        finally:
            failpoints.arm(None)

    async def restart(self, kept: Callable[[int], int]) -> None:
        """The signer comes back with no memory; of each life `kept` says what Temporal recorded."""
        await self.rail.watch.close()
        self.start_signer()
        for life in self.lives:
            life.forget(kept(len(life.recorded)))

    def plan(self, faults: list[Fault], seed: int) -> None:
        self.forgetful |= any(fault.kind == "short_retention" for fault in faults)
        start_plan(self.box.network, faults, seed)

    def close_ledgers(self, count: int) -> None:
        if not self.box.network.halted:
            self.box.close_ledger(count)

    async def use_channel(self, channel: Keypair) -> None:
        """Somebody else signs with the channel's key, and takes its next sequence."""
        account = self.box.account(channel.public_key)
        assert account is not None
        builder = TransactionBuilder(
            Account(channel.public_key, account.sequence), PASSPHRASE, base_fee=10_000
        )
        envelope = builder.append_bump_sequence_op(0).add_time_bounds(0, 0).build()
        envelope.sign(channel)
        node = SorobanServerAsync("http://box", self.box.client(2))
        self.plan([], 0)
        self.box.network.nodes[2].queue.drop(channel.public_key)
        for other in self.box.network.nodes:
            other.queue.drop(channel.public_key)
        await node.send_transaction(envelope)
        self.box.close_ledger()
        now = self.box.account(channel.public_key)
        if now is not None and now.sequence == account.sequence + 1:
            self.foreign.add((channel.public_key, now.sequence))

    def witness(self) -> dict[int, list[tuple[str, int]]]:
        """Every credit in the chain's own history, by the number it carries."""
        store, head = self.box.network.ledger.store, self.box.network.ledger.head.sequence
        for record in store.page((self.seen + 1, 0), head, 10_000):
            shown = orjson.loads(orjson.dumps(splice(record, record.hash.hex(), {}, "0")))
            if shown["status"] == "SUCCESS":
                for transfer in transfers_of(shown):
                    self.credits.setdefault(transfer.number, []).append(
                        (transfer.hash, transfer.amount_stroops)
                    )
        self.seen = head
        return self.credits


def _strike(point: str) -> Callable[[str], None]:
    def strike(here: str) -> None:
        if here == point:
            failpoints.arm(None)
            raise Crash(point)

    return strike


def play_temporal(patch: Any) -> None:
    """Let workflow code run outside Temporal, and watch ledgers without patience."""
    for module in (attempt_lives, payment_lives, life_steps):
        patch.setattr(module, "workflow", TEMPORAL)
    patch.setattr(rails, "WATCH_SECONDS", 0.01)
    patch.setattr(ledgers, "LOOK_EVERY_SECONDS", 0.002)
