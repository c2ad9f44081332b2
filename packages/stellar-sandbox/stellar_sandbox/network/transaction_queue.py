"""A node's queue of transactions that are not in a ledger yet, with stellar-core's manners.

One transaction per source account; four ledgers of life; ten ledgers of ban for what was applied,
aged out or became invalid. The manners matter more than the queue: they are what a client sees.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from stellar_sdk.xdr import TransactionResultCode as Code

from stellar_sandbox.envelopes.transaction_frame import Envelope
from stellar_sandbox.envelopes.transaction_result import Refused
from stellar_sandbox.ledger.fees import BASE_FEE
from stellar_sandbox.ledger.ledger_txn import State
from stellar_sandbox.network.surge_pricing import Lanes, rate
from stellar_sandbox.transactions.transaction_validity import Moment, check_envelope

LIFE_LEDGERS = 4
BAN_LEDGERS = 10
REPLACEMENT_FACTOR = 10
POOL_LEDGERS = 2  # how many ledgers' worth of transactions a queue holds


class Busy(Exception):
    """Try again later: banned, or another transaction of the account is in the way."""


class Duplicate(Exception):
    """This very transaction is already queued."""


@dataclass(slots=True)
class Pending:
    envelope: Envelope
    age: int = 0


class Queue:
    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._pending: dict[str, Pending] = {}
        self._bans: deque[set[bytes]] = deque([set() for _ in range(BAN_LEDGERS)], BAN_LEDGERS)

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def envelopes(self) -> list[Envelope]:
        return [item.envelope for item in self._pending.values()]

    def submit(self, envelope: Envelope, state: State, moment: Moment) -> None:
        """Take the envelope in, or raise Busy, Duplicate or Refused."""
        if self.is_banned(envelope):
            raise Busy
        queued = self._pending.get(envelope.source)
        if queued is not None:
            self._check_replacement(envelope, queued.envelope)
        elif self._blocked_by_other_kind(envelope):
            raise Busy
        check_envelope(envelope, state, moment)
        self._check_payer(envelope, state, queued)
        self._make_room(envelope, queued)
        # A better bid for the same place does not make the place any younger.
        self._pending[envelope.source] = Pending(envelope, queued.age if queued else 0)

    def is_banned(self, envelope: Envelope) -> bool:
        return any(envelope.hash in banned for banned in self._bans)

    def ban(self, hashes: list[bytes]) -> None:
        self._bans[-1].update(hashes)

    def drop(self, source: str) -> None:
        self._pending.pop(source, None)

    def shift(self, applied: list[Envelope], state: State, moment: Moment) -> None:
        """A ledger has closed: ban what it took, age the rest, and let go what cannot follow.

        What lost its sequence number to another is let go without a ban: who sends it again is
        told txBAD_SEQ.
        """
        self._bans.append(set())
        self.ban([envelope.hash for envelope in applied])
        for winner in applied:
            queued = self._pending.get(winner.source)
            if queued is not None and queued.envelope.sequence <= winner.sequence:
                del self._pending[winner.source]
        for source, item in list(self._pending.items()):
            item.age += 1
            if item.age >= LIFE_LEDGERS or not _holds(item.envelope, state, moment):
                self.ban([item.envelope.hash])
                del self._pending[source]

    def _check_replacement(self, envelope: Envelope, queued: Envelope) -> None:
        if envelope.hash in (queued.hash, queued.inner_hash):
            raise Duplicate
        if envelope.is_soroban != queued.is_soroban:
            raise Busy
        if envelope.sequence < queued.sequence:
            raise Refused(Code.txBAD_SEQ)
        if not envelope.is_fee_bump or envelope.sequence != queued.sequence:
            raise Busy
        if not envelope.outbids(queued, REPLACEMENT_FACTOR):
            bid = REPLACEMENT_FACTOR * queued.inclusion_fee * envelope.paid_operations
            needed = -(-bid // queued.paid_operations)
            raise Refused(Code.txINSUFFICIENT_FEE, fee=needed + envelope.resource_fee)

    def _blocked_by_other_kind(self, envelope: Envelope) -> bool:
        """The other queue also counts accounts that only pay: a payer must not act for itself."""
        return any(
            item.envelope.fee_source == envelope.source
            and item.envelope.is_soroban != envelope.is_soroban
            for item in self._pending.values()
        )

    def _make_room(self, envelope: Envelope, queued: Pending | None) -> None:
        """Let worse bids out for a better one, or refuse it with the fee that would do."""
        self._check_floor(envelope)
        others = [
            item.envelope
            for item in self._pending.values()
            if item is not queued and item.envelope.is_soroban == envelope.is_soroban
        ]
        if self._lanes.hold([*others, envelope], POOL_LEDGERS):
            return
        others.sort(key=rate, reverse=True)
        evicted: list[Envelope] = []
        while not self._lanes.hold([*others, envelope], POOL_LEDGERS):
            if not others:
                raise Busy
            weakest = others.pop()
            if rate(weakest) >= rate(envelope):
                bid = weakest.inclusion_fee * envelope.paid_operations // weakest.paid_operations
                self.ban([envelope.hash])
                raise Refused(Code.txINSUFFICIENT_FEE, fee=bid + 1 + envelope.resource_fee)
            evicted.append(weakest)
        for weakest in evicted:
            self.ban([weakest.hash])
            del self._pending[weakest.source]

    def _check_floor(self, envelope: Envelope) -> None:
        """A busy network's queue holds two ledgers' worth: below half the price it is full.

        Between half the price and the price a transaction waits, ages and is banned.
        """
        floor = self._lanes.floor
        if floor > BASE_FEE and 2 * rate(envelope) < floor:
            self.ban([envelope.hash])
            needed = floor * envelope.paid_operations + envelope.resource_fee
            raise Refused(Code.txINSUFFICIENT_FEE, fee=needed)

    def _check_payer(self, envelope: Envelope, state: State, queued: Pending | None) -> None:
        """A payer must be able to pay the highest fee of everything it has in the queue."""
        owed = envelope.fee + sum(
            item.envelope.fee
            for item in self._pending.values()
            if item is not queued and item.envelope.fee_source == envelope.fee_source
        )
        payer = state.account(envelope.fee_source)
        if payer is None or payer.spendable < owed:
            raise Refused(Code.txINSUFFICIENT_BALANCE)


def _holds(envelope: Envelope, state: State, moment: Moment) -> bool:
    try:
        check_envelope(envelope, state, moment)
    except Refused:
        return False
    return True
