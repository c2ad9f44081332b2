"""
A whole settlement in one process, one activity at a time: the real activities on the real database, a
chain in memory through the SDK's own client, and the payments' workflows between them.

The workflows are the code of PaymentWorkflow itself: tests/simulation/workflow_driver.py.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import text
from stellar_sdk import Account, Keypair, TransactionBuilder
from stellar_sdk.soroban_server_async import SorobanServerAsync

from activities.settlement.payments import PaymentActivitiesImpl
from adapters import failpoints
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.nodes import Nodes, RpcNode
from adapters.stellar.signing.keys import Keys
from devstack.bench import seed_payments
from domain.access.scopes import EVERYTHING
from domain.errors import TryAgain
from domain.settlement.attempts import Attempt
from domain.settlement.payments import BlockPaymentInput
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.ledger.entries import AccountEntry
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.rpc.transaction_methods import render_transaction
from tests.simulation.workflow_driver import Command, PaymentRun, WorkflowRun
from tests.testkit.accounting.chain_history import list_transfers_of

PASSPHRASE = "Standalone ApexChainx Schedules ; 2026"
CHANNELS, NODES = 3, 3
XLM = 10_000_000


def key(name: str) -> Keypair:
    return Keypair.from_raw_ed25519_seed(name.encode().ljust(32, b"."))


BOND, POOL, FEES, OPERATOR = key("bond"), key("pool"), key("fees"), key("operator")
PROVIDER, BENEFICIARY, ISSUER = key("provider"), key("beneficiary"), key("issuer")
CHANNEL_KEYS = [key(f"channel {number}") for number in range(CHANNELS)]
KEYS = Keys(
    {pair.public_key: pair for pair in (BOND, POOL)},
    {channel.public_key: channel for channel in CHANNEL_KEYS},
    FEES,
    OPERATOR,
)


def _genesis() -> Genesis:
    def row(owner: Keypair, usdc: int | None) -> dict[str, Any]:
        balances = {"native_stroops": 1_000 * XLM, "usdc_stroops": usdc}
        return {"address": owner.public_key} | balances

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


# As if read from the network, and in the same order as in any other schedule.
_FREE_CHANNELS = text(
    """
    INSERT INTO channels (address, sequence, read_sequence, used_at)
    SELECT owner, :sequence, :sequence, to_timestamp(turn)
    FROM unnest(CAST(:owners AS text[])) WITH ORDINALITY AS owners (owner, turn)
    ON CONFLICT (address) DO UPDATE
    SET sequence = excluded.sequence, read_sequence = greatest(channels.read_sequence, excluded.read_sequence),
        payment_id = NULL, quarantined = false, used_at = excluded.used_at
    """
)


Strike = Callable[[str], None]


class Crash(BaseException):
    """The signer died here; nothing may catch this."""


class SimulatedWorld:
    """A chain, a signer, and the workflows of some payments."""

    may_void = True

    def __init__(self, database: Database, steps: Callable[..., PaymentActivitiesImpl]) -> None:
        self.database = database
        self.make_steps = steps
        self.runs: list[WorkflowRun] = []
        # Activities that go on although the server has given them up: their payments have workflows.
        self.strays: list[PaymentRun] = []
        self.foreign: set[tuple[str, int]] = set()
        self.forgetful = False
        # The payments whose debts somebody has voided, who was told that it is so.
        self.voided: set[str] = set()
        self.noop_reason = 0
        self.seen = 0
        self.credits: dict[int, list[tuple[str, int]]] = {}

    async def begin(self, first_sequence: int, run: str, payments: int) -> None:
        """Make a new chain and owe payments; channels start at a sequence never used before."""
        await self._open(first_sequence)
        owed = await seed_payments.owe(self.database, run, payments)
        self.runs = [PaymentRun(payment) for payment in owed]
        self.start_signer()
        await self.close_circuit_breaker()

    async def _open(self, first_sequence: int) -> None:
        self.box = StellarSandbox(GENESIS)
        owners = [channel.public_key for channel in CHANNEL_KEYS]
        self.box.network.change_entries(
            [AccountEntry(owner, 1_000 * XLM, first_sequence) for owner in owners], []
        )
        async with self.database.autocommit() as connection:
            await connection.execute(_FREE_CHANNELS, {"owners": owners, "sequence": first_sequence})

    async def close_circuit_breaker(self) -> None:
        """Close the circuit breaker, as a person does after a look at what is quarantined."""
        async with self.database.autocommit() as connection:
            await connection.exec_driver_sql(
                "UPDATE circuit_breakers SET is_open = false WHERE is_open"
            )
        self.steps.gate.circuit_breaker.forget()

    def start_signer(self) -> None:
        self.strays.clear()
        asked = Nodes(
            [
                RpcNode(
                    f"node {index}", SorobanServerAsync("http://box", self.box.create_client(index))
                )
                for index in range(NODES)
            ]
        )
        self.rail = Rail(asked, PASSPHRASE, ISSUER.public_key, KEYS)
        self.steps = self.make_steps(self.database, self.rail)

    async def advance(
        self,
        run: WorkflowRun,
        *,
        runs: int = 1,
        crash_at: str | None = None,
        strike: Strike | None = None,
    ) -> bool:
        """Let a workflow take its next command, `strike` at each failpoint; False when the signer died."""
        if run.command is None:
            return True
        if run.command.step == "wait":
            if not run.quarantined or run.workflow.retry_requested:
                run.answer(None)
            return True
        asked = run.command
        try:
            answer = await self._answer(asked, runs, strike or _strike(crash_at))
            run.answer(answer)
        except TryAgain:
            run.fail()
            return True
        except Crash:
            return False
        # It says no where somebody else drives the payment as well, and has signed meanwhile.
        if asked.step == "block_payment" and (answer or not run.is_shared):
            await self.check_reason(run, asked.message)
        if run.command is not None and isinstance(run.command.message, Attempt):
            self.noop_reason += bool(run.command.message.noop_reason)
        return True

    async def advance_stray(self, which: int, *, crash_at: str | None = None) -> bool:
        """Let a given-up activity take its next step; False when the signer died of it."""
        run = self.strays[which % len(self.strays)]
        alive = await self.advance(run, crash_at=crash_at)
        if run.has_workflow or run.failures or run.command is None:
            self.strays.remove(run)
        return alive

    async def check_reason(self, run: WorkflowRun, blocking: BlockPaymentInput) -> None:
        """Check that the database shows why a payment waits."""
        async with self.database.autocommit() as connection:
            row = await payments.get(connection, blocking.payment.id, EVERYTHING)
        if blocking.payment.id in self.voided:
            return  # in the middle of that, somebody voided it
        reported = (row.status, row.reason_code, row.status_reason)
        said = (blocking.status, blocking.reason.code, blocking.reason.sentence)
        assert reported == said, f"waits without its reason: {reported}"

    def step(self, name: str) -> Callable[[Any], Awaitable[Any]]:
        found: Callable[[Any], Awaitable[Any]] = getattr(self.steps, name)
        return found

    async def _answer(self, command: Command, runs: int, strike: Strike) -> Any:
        step = self.step(command.step)
        with striking(strike):
            for _ in range(runs - 1):
                try:
                    await step(command.message)
                except TryAgain:
                    continue
            return await step(command.message)

    async def restart(self, kept: Callable[[int], int]) -> None:
        """Restart the signer with no memory; `kept` says how much of each workflow Temporal recorded."""
        await self.rail.watch.close()
        self.start_signer()
        for run in self.all_runs():
            run.forget(kept(len(run.recorded)))

    def all_runs(self) -> list[WorkflowRun]:
        return self.runs

    def plan(self, faults: list[Fault], seed: int) -> None:
        self.forgetful |= any(fault.kind == "short_retention" for fault in faults)
        start_fault_plan(self.box.network, [], 0)
        # One of a kind: a trustline can be removed only once.
        start_fault_plan(
            self.box.network, list({fault.kind: fault for fault in faults}.values()), seed
        )

    def close_ledgers(self, count: int) -> None:
        if count and not self.box.network.halted:
            self.box.close_ledger(count)

    async def use_channel(self, channel: Keypair) -> None:
        """Sign elsewhere with the channel's key, and take its next sequence."""
        account = self.box.read_account(channel.public_key)
        assert account is not None
        builder = TransactionBuilder(
            Account(channel.public_key, account.sequence), PASSPHRASE, base_fee=10_000
        )
        envelope = builder.append_bump_sequence_op(0).add_time_bounds(0, 0).build()
        envelope.sign(channel)
        node = SorobanServerAsync("http://box", self.box.create_client(2))
        self.plan([], 0)
        self.box.network.nodes[2].queue.drop(channel.public_key)
        for other in self.box.network.nodes:
            other.queue.drop(channel.public_key)
        await node.send_transaction(envelope)
        self.box.close_ledger()
        now = self.box.read_account(channel.public_key)
        if now is not None and now.sequence == account.sequence + 1:
            self.foreign.add((channel.public_key, now.sequence))

    def read_credits(self) -> dict[int, list[tuple[str, int]]]:
        """Return every credit in the chain's own history, by the number it carries."""
        store, head = self.box.network.ledger.store, self.box.network.ledger.last_closed.sequence
        for record in store.read_transactions((self.seen + 1, 0), head, 10_000):
            shown = orjson.loads(
                orjson.dumps(render_transaction(record, record.hash.hex(), {}, "0"))
            )
            if shown["status"] == "SUCCESS":
                for transfer in list_transfers_of(shown):
                    self.credits.setdefault(transfer.number, []).append(
                        (transfer.hash, transfer.amount_stroops)
                    )
        self.seen = head
        return self.credits


@contextmanager
def crashing_at(crash_at: str | None) -> Iterator[None]:
    """Let the signer die when a point is reached."""
    with striking(_strike(crash_at)):
        yield


@contextmanager
def striking(strike: Strike) -> Iterator[None]:
    """Call what strikes with each failpoint that is reached."""
    failpoints.arm(strike)
    try:
        yield
    finally:
        failpoints.arm(None)


def _strike(point: str | None) -> Strike:
    def strike(here: str) -> None:
        if here == point:
            failpoints.arm(None)
            raise Crash(point)

    return strike
