"""What a transaction in a ledger did to an attempt: the money moved, or why not and who must act."""

from datetime import UTC, datetime

from adapters.stellar.codes import results
from adapters.stellar.codes.meanings import Remedy
from adapters.stellar.finality import failure_attribution, submissions
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from adapters.stellar.signing import classic_payments
from adapters.stellar.signing.soroban_transfers import Asset
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation


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
