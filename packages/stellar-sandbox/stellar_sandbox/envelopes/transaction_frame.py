"""A transaction envelope, parsed once: its hashes, source, sequence, fees, bounds and footprint.

Hashes are taken over slices of the received bytes, so nothing is packed again.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from stellar_sdk import xdr

from stellar_sandbox.envelopes.footprint import Footprint
from stellar_sandbox.ledger.addresses import parse_muxed_account

V1_TAG = bytes((0, 0, 0, 2))
FEE_BUMP_TAG = bytes((0, 0, 0, 5))


class InvalidEnvelope(ValueError):
    """The text is not a transaction envelope."""


@dataclass(frozen=True, slots=True)
class TransactionFrame:
    text: str
    hash: bytes
    inner_hash: bytes
    tx: xdr.Transaction
    source: str
    muxed_source: bool
    sequence: int
    fee: int  # the highest fee, resource fee included
    fee_source: str
    is_fee_bump: bool
    is_soroban: bool
    signatures: list[xdr.DecoratedSignature]
    outer_signatures: list[xdr.DecoratedSignature]
    footprint: Footprint | None
    size: int  # bytes of the inner envelope, without a fee bump around it

    @property
    def operations(self) -> list[xdr.Operation]:
        return self.tx.operations

    @property
    def paid_operations(self) -> int:
        return max(1, len(self.tx.operations)) + (1 if self.is_fee_bump else 0)

    @property
    def soroban(self) -> xdr.SorobanTransactionData | None:
        return self.tx.ext.soroban_data

    @property
    def resource_fee(self) -> int:
        return self.soroban.resource_fee.int64 if self.soroban else 0

    @property
    def inclusion_fee(self) -> int:
        return self.fee - self.resource_fee

    def outbids(self, other: TransactionFrame, times: int = 1) -> bool:
        """Whether this bids at least `times` the other's fee per operation."""
        return (
            self.inclusion_fee * other.paid_operations
            >= times * other.inclusion_fee * self.paid_operations
        )

    @property
    def time_bounds(self) -> xdr.TimeBounds | None:
        cond = self.tx.cond
        return cond.v2.time_bounds if cond.v2 else cond.time_bounds

    @property
    def ledger_bounds(self) -> xdr.LedgerBounds | None:
        return self.tx.cond.v2.ledger_bounds if self.tx.cond.v2 else None


SOROBAN_OPERATIONS = {
    xdr.OperationType.INVOKE_HOST_FUNCTION,
    xdr.OperationType.EXTEND_FOOTPRINT_TTL,
    xdr.OperationType.RESTORE_FOOTPRINT,
}


@lru_cache(maxsize=16)
def hash_passphrase(passphrase: str) -> bytes:
    return sha256(passphrase.encode()).digest()


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


def get_source(operation: xdr.Operation, default: str) -> str:
    return (
        default
        if operation.source_account is None
        else parse_muxed_account(operation.source_account)[0]
    )
