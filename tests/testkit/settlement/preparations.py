"""What preparing a payment or a batch came to, for tests that expect one of its forms."""

from domain.reasons import Reason
from domain.settlement.attempts import Attempt, Blocked, OnHold, Prepared, PreparePaymentResult
from domain.settlement.batches import ObstructedBatch, PrepareBatchResult

Preparation = PreparePaymentResult | PrepareBatchResult


def get_attempt(preparation: Preparation) -> Attempt:
    """Return the signed and stored bytes; fail when there are none."""
    state = preparation.state if isinstance(preparation, PrepareBatchResult) else preparation
    assert isinstance(state, Prepared), state
    return state.attempt


def get_reason(preparation: Preparation) -> Reason:
    """Return what stands in the way; fail when nothing does."""
    state = preparation.state if isinstance(preparation, PrepareBatchResult) else preparation
    assert isinstance(state, OnHold | Blocked | ObstructedBatch), state
    return state.reason
