"""What payments and batches share: sign, send stored bytes, observe them, and raise their fee."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from temporalio import activity

from activities.settlement.circuit_breakers import CircuitBreaker
from activities.settlement.limits import SigningGate
from adapters.failpoints import reach
from adapters.postgres.database import Database
from adapters.postgres.settlement.attempts import Reservation, make_attempt
from adapters.stellar.finality import sequence_uses
from adapters.stellar.rail import Rail
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from domain.errors import ChainUnavailable, Obstructed
from domain.reasons import ReasonCode
from domain.settlement.allocations import Transfer
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation, SettlementRail
from domain.settlement.envelopes import Envelope, SendAnswer, SendStatus, needs_raise
from services.settlement.attempts.read_attempt import (
    read_bids,
    read_hashes,
    read_made_elsewhere,
    read_proof,
    read_receipt_of_member,
)
from services.settlement.attempts.record_disagreement import RecordDisagreement, record_disagreement
from services.settlement.attempts.record_submission import record_submission
from services.settlement.attempts.store_bid import store_bid
from workflows.attempts import AttemptActivities

log = logging.getLogger(__name__)
# Nodes that are well agree within seconds.
LASTS_SECONDS = 60.0


class Disagreements:
    """The attempts that nodes disagree about, each since when this process has known it."""

    def __init__(self, database: Database, circuit_breaker: CircuitBreaker) -> None:
        self.database = database
        self.circuit_breaker = circuit_breaker
        self._since: dict[tuple[str, int], float] = {}

    async def record(self, attempt: Attempt, seen: Observation) -> None:
        """Note a disagreement, or its end; one that lasts opens the circuit breaker."""
        key, now = (attempt.payment_id, attempt.n), time.monotonic()
        if seen.reason_code is not ReasonCode.NODES_DISAGREE:
            if self._since.pop(key, None) is not None:
                await record_disagreement(
                    self.database, RecordDisagreement(attempt, None, datetime.now(UTC))
                )
            return
        began = self._since.setdefault(key, now)
        await record_disagreement(
            self.database, RecordDisagreement(attempt, seen.why, datetime.now(UTC))
        )
        if now - began >= LASTS_SECONDS:
            await self.circuit_breaker.trip(
                f"payment {attempt.payment_id}: {seen.reason}", attempt.payment_id
            )


class AttemptActivitiesImpl(AttemptActivities):
    def __init__(self, database: Database, rail: Rail, gate: SigningGate | None = None) -> None:
        self.database = database
        self.rail = rail
        self.gate = gate or SigningGate(database, passphrase=rail.passphrase)
        self.disagreements = Disagreements(database, self.gate.circuit_breaker)

    @activity.defn
    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        if (obstacle := await self.gate.get_send_obstacle()) is not None:
            return SendAnswer(SendStatus.NOT_SENT, obstacle.sentence)
        answer = await self.rail.send(attempt.envelope_xdr)
        reach("after_send")
        await record_submission(self.database, attempt, answer, datetime.now(UTC))
        await self.gate.circuit_breaker.record_answer(answer, attempt.payment_id)
        reach("after_note")
        return answer

    @activity.defn
    async def observe_payment(self, attempt: Attempt) -> Observation:
        reach("before_observe")
        observation = await self.rail.observe(attempt, lambda: self.list_signed_hashes(attempt))
        if observation.outcome is AttemptOutcome.FOREIGN:
            observation = await self._explain(attempt, observation)
        await self.disagreements.record(attempt, observation)
        reach("after_observe")
        return observation

    async def _explain(self, attempt: Attempt, foreign: Observation) -> Observation:
        """Look in what was read of the chain, before a sequence counts as used by somebody else."""
        if not await self.gate.has_read(foreign.ledger):
            unread = "the sequence is consumed, and the chain is not read that far yet"
            return Observation(AttemptOutcome.OPEN, foreign.ledger, reason=unread)
        if proof := await read_proof(self.database, attempt):
            return proof
        reason = "a restored database does not know these bytes: the chain is asked"
        if made := await read_receipt_of_member(self.database, attempt):
            reason = (
                f"transaction {made.transaction_hash} has paid payment {made.payment_id} instead"
            )
        elif attempt.hash in await self.list_signed_hashes(attempt):
            if (copied := await self._find_copied(attempt, foreign)) is None:
                return foreign
            reason = f"transaction {copied} has used the sequence for another payment on record: an engine on a copy"
            log.error(
                "ALARM: channel %s: %s of this database signs as well", attempt.channel, reason
            )
        return Observation(AttemptOutcome.FAILED_RETRY, foreign.ledger, reason=reason)

    async def _find_copied(self, attempt: Attempt, foreign: Observation) -> str | None:
        """
        Return the transaction that has used the sequence, if it paid another payment on record.

        It is proven already that bytes of this attempt have moved nothing, and never can; what such a transaction
        paid is posted from the chain. So there is nothing for a person to review.
        """
        first = attempt.max_ledger - LEDGERS_TO_LIVE
        for hash_ in await read_made_elsewhere(self.database, first, foreign.ledger):
            used = await sequence_uses.find_use(self.rail.nodes, self.rail.passphrase, hash_)
            if used == (attempt.channel, attempt.sequence):
                return hash_
        return None

    @activity.defn
    async def raise_fee(self, attempt: Attempt) -> Attempt:
        if await self.gate.get_send_obstacle():
            return attempt
        bids = await read_bids(self.database, attempt)
        reserved = bids.reservation
        envelope = reserved.envelope if reserved else None
        if reserved is None or envelope is None or envelope.inner_hash != attempt.hash:
            return attempt  # it has come to an end, or other bytes have taken its place
        if envelope.hash != attempt.newest_hash:
            return make_attempt(reserved, envelope, resumed=True)
        signed_at_ledger = attempt.max_ledger - LEDGERS_TO_LIVE
        passed = await self.rail.get_latest_ledger() - signed_at_ledger
        if not needs_raise(bids.answers, bids.raises, passed):
            return attempt
        if (higher := self.rail.raise_bid(envelope)) is None:
            return attempt
        await self.gate.require_claim()
        reach("after_raise_sign")
        # Stored before it is sent, as all bytes are.
        highest = await store_bid(self.database, reserved, higher)
        reach("after_raise_store")
        return make_attempt(reserved, highest, resumed=True)

    async def sign(
        self,
        reserved: Reservation,
        transfers: Sequence[Transfer],
        rail: SettlementRail,
        times_signed: int,
    ) -> Envelope:
        """
        Sign the transfers. When bytes have expired before and no transfer can be made now, sign a
        no-op transaction instead: it consumes the sequence, so that the channel is free again.

        Raises Obstructed when not even that can be signed, ChainUnavailable when a node lags behind, or
        another engine may have the channels by now.
        """
        try:
            envelope = await self.rail.sign(
                transfers, rail, reserved.channel, reserved.sequence, times_signed
            )
        except Obstructed as error:
            if reserved.envelope is None:
                raise
            envelope = await self.rail.sign_noop(
                reserved.channel, reserved.sequence, times_signed, error.reason
            )
        await self.gate.require_claim()
        if reserved.envelope is not None and envelope.max_ledger <= reserved.envelope.max_ledger:
            raise ChainUnavailable(
                "the RPC node is behind the ledger that proved the last envelope expired; it is asked again"
            )
        return envelope

    async def stop_settlement(self, attempt: Attempt, correlation_id: str) -> None:
        """Open the circuit breaker: somebody else may hold our seeds, and a person must look first."""
        await self.gate.circuit_breaker.trip(
            f"payment {attempt.payment_id} is quarantined: an unknown transaction used channel "
            f"{attempt.channel}",
            correlation_id,
        )

    async def list_signed_hashes(self, attempt: Attempt) -> list[str]:
        """Return the hash of every transaction ever signed for an attempt, without its fee bumps."""
        return await read_hashes(self.database, attempt)
