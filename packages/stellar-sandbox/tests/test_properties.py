"""Property tests: in any order of payments, faults and restarts, balances add up."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from stellar_sdk import Keypair, TransactionEnvelope, xdr
from stellar_sdk.exceptions import SdkError
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.envelopes.envelope_parser import parse_envelope
from stellar_sandbox.faults.fault_plan import parse_fault_plan
from stellar_sandbox.ledger.entries import AccountEntry, TrustLineEntry
from stellar_sandbox.ledger.ledger_store import TransactionRecord
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.testing.accounts import (
    BARE,
    CHANNELS,
    FARM,
    PASSPHRASE,
    PAYER,
    SHOP,
    XLM,
    build_genesis_document,
)
from stellar_sandbox.testing.wallet import Wallet, bump

FAULTS = [
    {"kind": "accept_then_timeout", "rate": 0.2, "method": "sendTransaction"},
    {"kind": "reset_before", "rate": 0.1, "method": "sendTransaction"},
    {"kind": "internal_error", "rate": 0.1},
    {"kind": "dropped_transaction", "rate": 0.2},
    {"kind": "banned_hash", "rate": 0.1},
    {"kind": "lagging_node", "node": 1, "value": 2},
]


@dataclass(frozen=True)
class Step:
    """A payment that is tried, and what happens to the network after it."""

    channel: int
    ahead: int  # of the channel's last used sequence number
    target: Keypair
    amount: int
    node: int
    by_contract: bool
    bid: int  # of a fee bump around it; 0 for none
    then: str


steps = st.lists(
    st.builds(
        Step,
        channel=st.integers(0, 3),
        ahead=st.sampled_from([1, 1, 1, 1, 0, 2]),
        target=st.sampled_from([SHOP, FARM, BARE]),
        amount=st.integers(1, 3),
        node=st.integers(0, 1),
        by_contract=st.booleans(),
        bid=st.sampled_from([0, 0, 1_000, 20_000]),
        then=st.sampled_from(["nothing"] * 4 + ["close"] * 4 + ["restart"]),
    ),
    min_size=10,
    max_size=40,
)


@dataclass
class Scenario:
    """A sandbox that may be restarted, its clients, and the payments that were sent."""

    directory: Path
    seed: int
    sent: dict[bytes, Step] = field(default_factory=dict)

    def open(self) -> None:
        self.sandbox = StellarSandbox(
            Genesis.parse(build_genesis_document()), data_dir=self.directory
        )
        start_fault_plan(
            self.sandbox.network, *parse_fault_plan({"seed": self.seed, "faults": FAULTS})
        )
        clients = [self.sandbox.create_client(node) for node in (0, 1)]
        self.wallets = [Wallet(SorobanServerAsync("http://in-process", item)) for item in clients]

    def sum_balances(self) -> tuple[int, int]:
        """All the XLM and all of the asset that anybody holds."""
        entries = self.sandbox.network.ledger.root.changes.values()
        accounts = [entry.balance for entry in entries if isinstance(entry, AccountEntry)]
        lines = [entry.balance for entry in entries if isinstance(entry, TrustLineEntry)]
        return sum(accounts), sum(lines)

    def read_records(self) -> list[TransactionRecord]:
        return self.sandbox.network.ledger.store.read_transactions((1, 1), 10_000, 10_000)

    async def take(self, step: Step) -> None:
        # Whatever is lost on the way, the ledger must add up.
        with contextlib.suppress(TimeoutError, SdkError):
            inner = await self._build(step)
            self.sent[inner.hash()] = step
            outer = bump(inner, step.bid) if step.bid else inner
            await self.wallets[step.node].send(outer)
        if step.then == "close":
            self.sandbox.close_ledger()
        elif step.then == "restart":
            self.sandbox.network.close()
            self.open()

    async def _build(self, step: Step) -> TransactionEnvelope:
        wallet, channel = self.wallets[step.node], CHANNELS[step.channel]
        account = self.sandbox.read_account(channel.public_key)
        assert account is not None
        sequence = account.sequence + step.ahead
        if step.by_contract:
            target, stroops = step.target.public_key, step.amount * XLM
            return await wallet.build_transfer(channel, sequence, target, stroops)
        return wallet.build_payment(channel, sequence, (step.target, str(step.amount)))


@settings(max_examples=40, deadline=None)
@given(steps=steps, seed=st.integers(0, 1_000))
def test_no_money_appears_or_vanishes_and_no_sequence_is_used_twice(
    steps: list[Step], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_play(Scenario(Path(directory), seed), steps))


async def _play(scenario: Scenario, steps: list[Step]) -> None:
    scenario.open()
    native, issued = scenario.sum_balances()
    for step in steps:
        await scenario.take(step)
    scenario.sandbox.close_ledger(5)
    fees = sum(map(_read_fee, scenario.read_records()))
    assert scenario.sum_balances() == (native - fees, issued)
    _check_payments(scenario)
    scenario.sandbox.network.close()


def _check_payments(scenario: Scenario) -> None:
    sandbox, records = scenario.sandbox, scenario.read_records()
    applied = [scenario.sent[record.inner_hash] for record in records]
    uses = Counter(map(_read_sequence, records))
    assert all(count == 1 for count in uses.values())
    paid: Counter[Keypair] = Counter()
    for step, record in zip(applied, records, strict=True):
        if b'"status":"SUCCESS"' in record.body:
            paid[step.target] += step.amount * XLM
    for target in (SHOP, FARM, BARE):
        assert sandbox.read_balance(target.public_key) == paid[target]
    assert sandbox.read_balance(PAYER.public_key) == 1_000_000 * XLM - paid.total()


def _read_sequence(record: TransactionRecord) -> tuple[str, int]:
    """The account and the sequence number that a transaction used."""
    body = orjson.loads(b"{" + record.body + b"}")
    envelope = parse_envelope(body["envelopeXdr"], PASSPHRASE)
    return envelope.source, envelope.sequence


def _read_fee(record: TransactionRecord) -> int:
    body = orjson.loads(b"{" + record.body + b"}")
    return xdr.TransactionResult.from_xdr(body["resultXdr"]).fee_charged.int64
