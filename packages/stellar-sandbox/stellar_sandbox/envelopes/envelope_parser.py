"""Parse an envelope (XDR) into a transaction frame."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

from stellar_sdk import xdr

from stellar_sandbox.envelopes.footprint import Footprint
from stellar_sandbox.envelopes.transaction_frame import (
    FEE_BUMP_TAG,
    SOROBAN_OPERATIONS,
    V1_TAG,
    InvalidEnvelope,
    TransactionFrame,
    hash_passphrase,
)
from stellar_sandbox.ledger.addresses import parse_muxed_account


def parse_envelope(text: str, passphrase: str) -> TransactionFrame:
    try:
        raw = base64.b64decode(text, validate=True)
        parsed = xdr.TransactionEnvelope.from_xdr_bytes(raw)
    except (ValueError, EOFError, binascii.Error, UnicodeDecodeError) as error:
        raise InvalidEnvelope(f"cannot unmarshal transaction: {error}") from error
    if parsed.v1 is not None:
        return _parse_v1(text, raw, parsed.v1, passphrase)
    if parsed.fee_bump is not None:
        return _parse_fee_bump(text, raw, parsed.fee_bump, passphrase)
    raise InvalidEnvelope("only v1 and fee bump envelopes are accepted")


def _parse_v1(
    text: str, raw: bytes, envelope: xdr.TransactionV1Envelope, passphrase: str
) -> TransactionFrame:
    body = raw[4 : len(raw) - _measure_signatures(envelope.signatures)]
    digest = sha256(hash_passphrase(passphrase) + V1_TAG + body).digest()
    source, muxed = parse_muxed_account(envelope.tx.source_account)
    return TransactionFrame(
        text=text,
        hash=digest,
        inner_hash=digest,
        tx=envelope.tx,
        source=source,
        muxed_source=muxed is not None,
        sequence=envelope.tx.seq_num.sequence_number.int64,
        fee=envelope.tx.fee.uint32,
        fee_source=source,
        is_fee_bump=False,
        is_soroban=_invokes_soroban(envelope.tx),
        signatures=envelope.signatures,
        outer_signatures=[],
        footprint=_parse_footprint(envelope.tx),
        size=len(raw),
    )


def _parse_fee_bump(
    text: str, raw: bytes, envelope: xdr.FeeBumpTransactionEnvelope, passphrase: str
) -> TransactionFrame:
    body = raw[4 : len(raw) - _measure_signatures(envelope.signatures)]
    inner = envelope.tx.inner_tx.v1
    assert inner is not None
    payer, _ = parse_muxed_account(envelope.tx.fee_source)
    # Before it: fee source, fee, the inner envelope's type. After it: signatures and ext.
    start = (36 if envelope.tx.fee_source.ed25519 is not None else 44) + 8 + 4
    inner_body = body[start : len(body) - 4 - _measure_signatures(inner.signatures)]
    source, muxed = parse_muxed_account(inner.tx.source_account)
    return TransactionFrame(
        text=text,
        hash=sha256(hash_passphrase(passphrase) + FEE_BUMP_TAG + body).digest(),
        inner_hash=sha256(hash_passphrase(passphrase) + V1_TAG + inner_body).digest(),
        tx=inner.tx,
        source=source,
        muxed_source=muxed is not None,
        sequence=inner.tx.seq_num.sequence_number.int64,
        fee=envelope.tx.fee.int64,
        fee_source=payer,
        is_fee_bump=True,
        is_soroban=_invokes_soroban(inner.tx),
        signatures=inner.signatures,
        outer_signatures=envelope.signatures,
        footprint=_parse_footprint(inner.tx),
        size=len(V1_TAG) + len(inner_body) + _measure_signatures(inner.signatures),
    )


def _parse_footprint(tx: xdr.Transaction) -> Footprint | None:
    data = tx.ext.soroban_data
    return None if data is None else Footprint.read(data.resources.footprint)


def _invokes_soroban(tx: xdr.Transaction) -> bool:
    return any(operation.body.type in SOROBAN_OPERATIONS for operation in tx.operations)


def _measure_signatures(signatures: list[xdr.DecoratedSignature]) -> int:
    lengths = [len(item.signature.signature) for item in signatures]
    return 4 + sum(8 + length + (-length % 4) for length in lengths)
