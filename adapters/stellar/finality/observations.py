"""What the network shows of an attempt: open, expired or consumed; the money moved, or why not and who must act."""

import logging
from datetime import UTC, datetime

from adapters.stellar.codes import results
from adapters.stellar.codes.meanings import Remedy
from adapters.stellar.finality import failure_attribution, submissions
from adapters.stellar.finality.quorum import Hashes, Quorum, Snapshot, UnknownConsumption
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from adapters.stellar.signing import classic_payments
from adapters.stellar.signing.soroban_transfers import Asset
from domain.reasons import Reason, ReasonCode
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation

log = logging.getLogger(__name__)


async def prove(quorum: Quorum, attempt: Attempt, hashes: Hashes) -> LedgerInclusion | Observation:
    """
    Read the channel in one consistent snapshot: the attempt is open, expired or consumed.

    Returns what one node says consumed it, if that is a transaction of ours.
    """
    snapshot = await quorum.read_snapshot([attempt.channel])
    if not snapshot.has_consumed(attempt):
        return await _judge_unconsumed(quorum, snapshot, attempt, hashes)
    found = await quorum.find_consumer(attempt, hashes)
    if isinstance(found, LedgerInclusion):
        return found
    if isinstance(found, UnknownConsumption):
        missing = attempt.channel not in snapshot.sequences
        why = Reason(ReasonCode.CHANNEL_MISSING, "the channel account does not exist any more")
        why = why if missing else found.reason
        return Observation(
            AttemptOutcome.FOREIGN, snapshot.ledger, reason=why.sentence, reason_code=why.code
        )
    return Observation(
        *(AttemptOutcome.OPEN, snapshot.ledger),
        reason="the sequence is consumed; it is not yet known by which transaction",
    )


async def _judge_unconsumed(
    quorum: Quorum, snapshot: Snapshot, attempt: Attempt, hashes: Hashes
) -> Observation:
    """Judge bytes whose sequence is free: open, expired, or signed ahead of the chain."""
    if not snapshot.proves_expiry(attempt):
        return Observation(AttemptOutcome.OPEN, snapshot.ledger)
    if not snapshot.has_gap(attempt):
        return Observation(AttemptOutcome.EXPIRED, snapshot.ledger)
    reached = snapshot.sequences[attempt.channel]
    reason = f"signed for sequence {attempt.sequence} of channel {attempt.channel}, which the network has at {reached}"
    if not await quorum.is_ahead_of_chain(attempt, hashes):
        return Observation(AttemptOutcome.OPEN, snapshot.ledger, reason=reason)
    log.error("ALARM: bytes were %s: they can never be applied", reason)
    return Observation(
        AttemptOutcome.FAILED_RETRY, snapshot.ledger, reason=reason, unused_after=reached
    )


async def to_observation(
    nodes: Nodes, asset: Asset, inclusion: LedgerInclusion, attempt: Attempt
) -> Observation:
    """Return the outcome of an attempt whose transaction is in a ledger; alarm if we must act."""
    result = results.parse(inclusion.result_xdr)
    closed_at = datetime.fromtimestamp(inclusion.closed_at_seconds, UTC)
    place = (inclusion.ledger, closed_at, result.fee_stroops)
    if inclusion.paid:
        return Observation(AttemptOutcome.SUCCEEDED, *place, "", inclusion.hash)
    if inclusion.succeeded:
        reason = attempt.noop_reason or "a no-op transaction used up its sequence"
        return Observation(
            *(AttemptOutcome.FAILED_BLOCKED, *place, reason, inclusion.hash),
            reason_code=attempt.noop_reason_code,
        )
    failed = classic_payments.list_failed_operations(inclusion.result_xdr)
    trap = results.find_trap(inclusion.diagnostics, asset.contract)
    meaning = await failure_attribution.attribute_failure(
        nodes, asset, results.get_meaning(result, trap), attempt.envelope_xdr
    )
    why = meaning.to_reason(results.format_codes(result, trap))
    submissions.log_alarm(meaning, attempt.hash)
    # Of a batch, the failed operations are named one by one, and the others may be resubmitted.
    again = bool(failed) or meaning.remedy is Remedy.RETRY
    outcome = AttemptOutcome.FAILED_RETRY if again else AttemptOutcome.FAILED_BLOCKED
    return Observation(outcome, *place, why.sentence, inclusion.hash, failed, why.code)
