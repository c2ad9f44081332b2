"""A node's transaction queue, with the rules of stellar-core.

One transaction for each source account; four ledgers until it ages out; ten ledgers of ban for what
was applied, aged out or became invalid. What a client sees of the network follows from these rules.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from stellar_sdk.xdr import TransactionResultCode as Code

from stellar_sandbox.envelopes.transaction_frame import TransactionFrame
from stellar_sandbox.envelopes.transaction_result import TransactionRefused
from stellar_sandbox.ledger.fees import BASE_FEE
from stellar_sandbox.ledger.ledger_txn import LedgerTxn
from stellar_sandbox.network.surge_pricing import SurgePricing, get_fee_rate
from stellar_sandbox.transactions.transaction_validity import LedgerContext, check_valid

PENDING_DEPTH = 4
BAN_DEPTH = 10
FEE_MULTIPLIER = 10
POOL_LEDGER_MULTIPLIER = 2  # how many ledgers' worth of transactions a queue holds


class TryAgainLater(Exception):
    """TRY_AGAIN_LATER: the transaction is banned, or another one of the account is queued."""


class DuplicateTransaction(Exception):
    """DUPLICATE: this very transaction is queued."""


@dataclass(slots=True)
class QueuedTransaction:
    envelope: TransactionFrame
    age: int = 0


class TransactionQueue:
    def __init__(self, surge_pricing: SurgePricing) -> None:
        self._surge_pricing = surge_pricing
        self._pending: dict[str, QueuedTransaction] = {}
        self._bans: deque[set[bytes]] = deque([set() for _ in range(BAN_DEPTH)], BAN_DEPTH)

    @property
    def envelopes(self) -> list[TransactionFrame]:
        return [item.envelope for item in self._pending.values()]

    def try_add(
        self, envelope: TransactionFrame, ltx: LedgerTxn, ledger_context: LedgerContext
    ) -> None:
        """Queue it, or raise TryAgainLater, DuplicateTransaction or TransactionRefused."""
        if self.is_banned(envelope):
            raise TryAgainLater
        queued = self._pending.get(envelope.source)
        if queued is not None:
            self._check_replacement(envelope, queued.envelope)
        elif self._is_source_paying_other_kind(envelope):
            raise TryAgainLater
        check_valid(envelope, ltx, ledger_context)
        self._check_fee_balance(envelope, ltx, queued)
        self._make_room(envelope, queued)
        # A replacement keeps the age of what it replaces.
        self._pending[envelope.source] = QueuedTransaction(envelope, queued.age if queued else 0)

    def is_banned(self, envelope: TransactionFrame) -> bool:
        return any(envelope.hash in banned for banned in self._bans)

    def ban(self, hashes: list[bytes]) -> None:
        self._bans[-1].update(hashes)

    def drop(self, source: str) -> None:
        self._pending.pop(source, None)

    def shift(
        self, applied: list[TransactionFrame], ltx: LedgerTxn, ledger_context: LedgerContext
    ) -> None:
        """Follow a closed ledger: ban what it applied, age the rest, drop what became invalid.

        What lost its sequence number to another is dropped without a ban: sent again, it is
        answered txBAD_SEQ.
        """
        self._bans.append(set())
        self.ban([envelope.hash for envelope in applied])
        for winner in applied:
            queued = self._pending.get(winner.source)
            if queued is not None and queued.envelope.sequence <= winner.sequence:
                del self._pending[winner.source]
        for source, item in list(self._pending.items()):
            item.age += 1
            if item.age >= PENDING_DEPTH or not _is_still_valid(item.envelope, ltx, ledger_context):
                self.ban([item.envelope.hash])
                del self._pending[source]

    def _check_replacement(self, envelope: TransactionFrame, queued: TransactionFrame) -> None:
        if envelope.hash in (queued.hash, queued.inner_hash):
            raise DuplicateTransaction
        if envelope.is_soroban != queued.is_soroban:
            raise TryAgainLater
        if envelope.sequence < queued.sequence:
            raise TransactionRefused(Code.txBAD_SEQ)
        if not envelope.is_fee_bump or envelope.sequence != queued.sequence:
            raise TryAgainLater
        if not envelope.outbids(queued, FEE_MULTIPLIER):
            bid = FEE_MULTIPLIER * queued.inclusion_fee * envelope.paid_operations
            needed = -(-bid // queued.paid_operations)
            raise TransactionRefused(Code.txINSUFFICIENT_FEE, fee=needed + envelope.resource_fee)

    def _is_source_paying_other_kind(self, envelope: TransactionFrame) -> bool:
        """Whether the other kind's queue holds a transaction whose fee this source account pays."""
        return any(
            item.envelope.fee_source == envelope.source
            and item.envelope.is_soroban != envelope.is_soroban
            for item in self._pending.values()
        )

    def _make_room(self, envelope: TransactionFrame, queued: QueuedTransaction | None) -> None:
        """Evict lower bids for a higher one, or refuse it with the fee that it needs."""
        self._check_min_fee_rate(envelope)
        others = [
            item.envelope
            for item in self._pending.values()
            if item is not queued and item.envelope.is_soroban == envelope.is_soroban
        ]
        if self._surge_pricing.fits([*others, envelope], POOL_LEDGER_MULTIPLIER):
            return
        others.sort(key=get_fee_rate, reverse=True)
        evicted: list[TransactionFrame] = []
        while not self._surge_pricing.fits([*others, envelope], POOL_LEDGER_MULTIPLIER):
            if not others:
                raise TryAgainLater
            weakest = others.pop()
            if get_fee_rate(weakest) >= get_fee_rate(envelope):
                bid = weakest.inclusion_fee * envelope.paid_operations // weakest.paid_operations
                self.ban([envelope.hash])
                raise TransactionRefused(
                    Code.txINSUFFICIENT_FEE, fee=bid + 1 + envelope.resource_fee
                )
            evicted.append(weakest)
        for weakest in evicted:
            self.ban([weakest.hash])
            del self._pending[weakest.source]

    def _check_min_fee_rate(self, envelope: TransactionFrame) -> None:
        """Refuse a bid below half of the lowest fee rate of a busy network: its queue is full.

        Between the half and the whole a transaction is queued, ages out and is banned.
        """
        min_fee_rate = self._surge_pricing.min_fee_rate
        if min_fee_rate > BASE_FEE and 2 * get_fee_rate(envelope) < min_fee_rate:
            self.ban([envelope.hash])
            needed = min_fee_rate * envelope.paid_operations + envelope.resource_fee
            raise TransactionRefused(Code.txINSUFFICIENT_FEE, fee=needed)

    def _check_fee_balance(
        self, envelope: TransactionFrame, ltx: LedgerTxn, queued: QueuedTransaction | None
    ) -> None:
        """Check that the fee source can pay the highest fee of all its queued transactions."""
        total_fees = envelope.fee + sum(
            item.envelope.fee
            for item in self._pending.values()
            if item is not queued and item.envelope.fee_source == envelope.fee_source
        )
        payer = ltx.load_account(envelope.fee_source)
        if payer is None or payer.available_balance < total_fees:
            raise TransactionRefused(Code.txINSUFFICIENT_BALANCE)


def _is_still_valid(
    envelope: TransactionFrame, ltx: LedgerTxn, ledger_context: LedgerContext
) -> bool:
    try:
        check_valid(envelope, ltx, ledger_context)
    except TransactionRefused:
        return False
    return True
