"""What preparing a payment or a batch came to, for tests that expect one of its forms."""

from domain.reasons import Reason
from domain.settlement.attempts import (
    AlreadyPaid,
    Attempt,
    Blocked,
    OnHold,
    Prepared,
    PreparePaymentResult,
)
from domain.settlement.batches import ObstructedBatch, PrepareBatchResult
from domain.settlement.payments import Receipt

Preparation = PreparePaymentResult | PrepareBatchResult


def get_attempt(preparation: Preparation) -> Attempt:
    """Return the signed and stored bytes; fail when there are none."""
    state = preparation.state if isinstance(preparation, PrepareBatchResult) else preparation
    assert isinstance(state, Prepared), state
    return state.attempt


def get_receipt(preparation: PreparePaymentResult) -> Receipt:
    """Return the proof that the payment was made before; fail when it was not."""
    assert isinstance(preparation, AlreadyPaid), preparation
    return preparation.receipt


def get_reason(preparation: Preparation) -> Reason:
    """Return what stands in the way; fail when nothing does."""
    state = preparation.state if isinstance(preparation, PrepareBatchResult) else preparation
    assert isinstance(state, OnHold | Blocked | ObstructedBatch), state
    return state.reason
