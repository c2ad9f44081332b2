"""
Fee bumps (CAP-15): wrap a signed transaction, and raise the bid when its place in a ledger costs more.

The inner transaction, with the one sequence that can move the money, never changes.
"""

import hashlib

from stellar_sdk import (
    FeeBumpTransactionEnvelope,
    Keypair,
    MuxedAccount,
    Network,
    TransactionBuilder,
    TransactionEnvelope,
    xdr,
)

from domain.errors import Obstructed
from domain.reasons import Reason, ReasonCode
from domain.settlement.envelopes import (
    Bid,
    Envelope,
    compute_first_rate,
    compute_raised_rate,
    infer_raises,
)

# 5 XLM: a transfer costs a thousandth of it.
FEE_CAP_STROOPS = 50_000_000


def wrap(
    inner: TransactionEnvelope,
    fees: Keypair,
    times_signed: int,
    max_ledger: int,
    cap_stroops: int,
    noop_reason: Reason | None = None,
) -> Envelope:
    """Wrap a signed transaction in its first bid, at most the cap. Raises Obstructed above the cap."""
    bid = get_bid(inner)
    rate = compute_first_rate(times_signed, bid, cap_stroops)
    if rate * len(inner.transaction.operations) < bid.fee_stroops - bid.resource_fee_stroops:
        raise Obstructed(
            f"the network charges more than {cap_stroops} stroops for the transaction; "
            "raise STELLAR_FEE_CAP_STROOPS, or wait until it charges less",
            ReasonCode.FEE_CAP_TOO_LOW,
        )
    return _build(inner, fees, rate, max_ledger, noop_reason)


def raise_bid(
    stored: Envelope, fees: Keypair, cap_stroops: int, passphrase: str
) -> Envelope | None:
    """Return a higher bid around the same inner transaction; None when the cap is reached."""
    bumped = TransactionBuilder.from_xdr(stored.xdr, passphrase)
    assert isinstance(bumped, FeeBumpTransactionEnvelope)
    inner = bumped.transaction.inner_transaction_envelope
    rate = compute_raised_rate(get_bid(inner, stored.fee_stroops), cap_stroops)
    if rate is None:
        return None
    noop_reason = (
        Reason(stored.noop_reason_code, stored.noop_reason) if stored.noop_reason_code else None
    )
    return _build(inner, fees, rate, stored.max_ledger, noop_reason)


def parse_stored(envelope_xdr: str, max_ledger: int, passphrase: str) -> Envelope:
    """Parse stored bytes into an envelope."""
    bumped = TransactionBuilder.from_xdr(envelope_xdr, passphrase)
    assert isinstance(bumped, FeeBumpTransactionEnvelope)
    inner = bumped.transaction.inner_transaction_envelope
    fee = int(bumped.transaction.fee)
    return Envelope(bumped.hash_hex(), envelope_xdr, fee, max_ledger, inner.hash_hex())


def count_raises(stored: Envelope, passphrase: str) -> int:
    """Return how often the bid was raised, which follows from the present bid."""
    bumped = TransactionBuilder.from_xdr(stored.xdr, passphrase)
    assert isinstance(bumped, FeeBumpTransactionEnvelope)
    inner = bumped.transaction.inner_transaction_envelope
    return infer_raises(get_bid(inner, stored.fee_stroops))


def get_bid(inner: TransactionEnvelope, fee_stroops: int | None = None) -> Bid:
    """Return the bid of an envelope with this fee, or of the transaction itself without one."""
    transaction = inner.transaction
    data = transaction.soroban_data
    resource_fee = data.resource_fee.int64 if data else 0
    fee = int(transaction.fee) if fee_stroops is None else fee_stroops
    return Bid(len(transaction.operations), resource_fee, fee)


def _build(
    inner: TransactionEnvelope,
    fees: Keypair,
    rate: int,
    max_ledger: int,
    noop_reason: Reason | None,
) -> Envelope:
    # As the SDK's own builder does, which copies the whole transaction and packs it three times.
    bid = get_bid(inner)
    fee = rate * (bid.operations + 1) + bid.resource_fee_stroops
    bump = xdr.FeeBumpTransaction(
        fee_source=MuxedAccount(fees.public_key).to_xdr_object(),
        fee=xdr.Int64(fee),
        inner_tx=xdr.FeeBumpTransactionInnerTx(
            xdr.EnvelopeType.ENVELOPE_TYPE_TX, v1=inner.to_xdr_object().v1
        ),
        ext=xdr.FeeBumpTransactionExt(0),
    )
    hash_ = hash_fee_bump(bump, inner.network_passphrase)
    signed = xdr.FeeBumpTransactionEnvelope(bump, [fees.sign_decorated(hash_).to_xdr_object()])
    outer = xdr.TransactionEnvelope(
        xdr.EnvelopeType.ENVELOPE_TYPE_TX_FEE_BUMP, fee_bump=signed
    ).to_xdr()
    reason = ("", None) if noop_reason is None else (noop_reason.sentence, noop_reason.code)
    return Envelope(hash_.hex(), outer, fee, max_ledger, inner.hash_hex(), *reason)


def hash_fee_bump(bump: xdr.FeeBumpTransaction, passphrase: str) -> bytes:
    """Return what is signed of a fee bump, under which the chain shows it."""
    tag = xdr.EnvelopeType.ENVELOPE_TYPE_TX_FEE_BUMP.to_xdr_bytes()
    network_id = Network(passphrase).network_id()
    return hashlib.sha256(network_id + tag + bump.to_xdr_bytes()).digest()
